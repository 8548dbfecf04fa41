#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nvme/errno_translator.hpp>
#include <nvme/io_rules.hpp>

namespace ballast::nvme {

using namespace std::chrono_literals;

nanoseconds pause_before(unsigned attempt) {
  return std::min<nanoseconds>(100us * (1u << std::min(attempt, 8u)), 20ms);
}

std::string_view verb(io_op op) {
  switch (op) {
    case io_op::read: return "read";
    case io_op::write: return "write";
    case io_op::sync: return "sync";
  }
  return "?";
}

std::string place_of(const segment_map& map, const io_request& request) {
  const std::string& name = map.files[request.file].name;
  if (request.op == io_op::sync) return fmt::format("sync of {}", name);
  return fmt::format("{} of {} bytes at offset {} of {}", verb(request.op), request.memory.size(),
                     request.offset, name);
}

std::optional<failure> past_the_end(const segment_map& map, io_op op, std::uint64_t address,
                                    bytes size) {
  const bytes begin{address};
  if (begin <= map.size && size <= map.size - begin) return std::nullopt;
  return failure{errc::invalid_argument,
                 fmt::format("{} of {} bytes at {}: past the end of the store, {} bytes", verb(op),
                             size.value, begin.value, map.size.value)};
}

failure file_ends(const segment_map& map, const io_request& request) {
  return {errc::io_failure, place_of(map, request) + ": the file ends before that"};
}

failure no_progress(const segment_map& map, const io_request& request, int error) {
  const std::string what =
      fmt::format("{}, {} attempts without progress", place_of(map, request), stall_limit + 1);
  return error != 0 ? make_failure(error, what) : failure{errc::io_failure, what};
}

}  // namespace ballast::nvme
