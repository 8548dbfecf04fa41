#include <algorithm>
#include <nvme/errno_translator.hpp>
#include <nvme/io_rules.hpp>
#include <nvme/positional_io.hpp>
#include <nvme/posix_queue.hpp>
#include <thread>
#include <vector>

namespace ballast::nvme {

result<io_performer> open_posix_performer(std::span<const int> files) {
  return io_performer(
      [of = std::vector<int>(files.begin(), files.end())](const io_request& request) {
        return perform(request, of[request.file]);
      });
}

status positional_io::move(io_op op, std::uint64_t address, std::span<std::byte> memory) const {
  if (auto beyond = past_the_end(map_, op, address, bytes{memory.size()})) return *beyond;
  while (!memory.empty()) {
    const auto at = map_.locate(address);
    const std::size_t size = std::min<std::size_t>(
        {memory.size(), static_cast<std::size_t>(at.left), request_limit_.value});
    if (auto moved = move({op, at.file, at.offset, memory.first(size)}); !moved) return moved;
    memory = memory.subspan(size);
    address += size;
  }
  return {};
}

/// Inside one file.
status positional_io::move(io_request part) const {
  for (unsigned stalls = 0; !part.memory.empty();) {
    const std::int64_t moved = perform_(part);
    if (moved > 0) {
      const auto size = static_cast<std::size_t>(moved);
      require(size <= part.memory.size(), "a request moves at most what was asked");
      part.memory = part.memory.subspan(size);
      part.offset += size;
      stalls = 0;
      continue;
    }
    const int error = static_cast<int>(-moved);
    if (error == 0 && part.op == io_op::read) return file_ends(map_, part);
    const io_verdict verdict = error == 0 ? io_verdict::retry_later : judge(error);
    if (verdict == io_verdict::retry_now) continue;
    if (verdict != io_verdict::retry_later) return make_failure(error, place_of(map_, part));
    if (stalls == stall_limit) return no_progress(map_, part, error);
    std::this_thread::sleep_for(pause_before(stalls++));
  }
  return {};
}

}  // namespace ballast::nvme
