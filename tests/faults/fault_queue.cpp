#include "tests/faults/fault_queue.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace ballast::faults {

using nvme::io_completion;
using nvme::io_op;
using nvme::io_request;

namespace {

constexpr std::byte rubbish{0x5c};
constexpr std::size_t page = 4096;

std::uint64_t size_of(int descriptor) {
  struct stat seen {};
  const bool known = descriptor >= 0 && ::fstat(descriptor, &seen) == 0;
  return known ? static_cast<std::uint64_t>(seen.st_size) : 0;
}

/// Also where a file has no name any more: its folder's, and something behind it.
std::string path_of(int descriptor) {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), none);
}

void turn(std::span<std::byte> memory, std::uint64_t bit) {
  bit %= memory.size() * 8;
  memory[bit / 8] ^= std::byte{1} << (bit % 8);
}

}  // namespace

fault_queue::fault_queue(fault_script& script, std::unique_ptr<nvme::io_queue> inner,
                         const nvme::queue_setup& setup, sync_failure forget)
    : script_(script),
      inner_(std::move(inner)),
      forget_(std::move(forget)),
      depth_(setup.depth),
      history_(script.wants_history()),
      buffer_(setup.depth),
      releases_(script.releases()) {
  for (const int descriptor : setup.files) {
    sizes_.push_back(size_of(descriptor));
    names_.push_back(path_of(descriptor));
  }
  script_.attach(this);
}

fault_queue::~fault_queue() {
  script_.detach(this);
  EXPECT_EQ(under_way(), 0u) << "buffers given up";
}

fault_queue::aligned_bytes fault_queue::copy_of(std::span<const std::byte> memory) {
  const std::size_t pages = (memory.size() + page - 1) / page;
  aligned_bytes made(static_cast<std::byte*>(std::aligned_alloc(page, pages * page)));
  std::ranges::copy(memory, made.get());
  return made;
}

void fault_queue::check(const io_request& request) const {
  const auto& [alignment, segment_size] = script_.rules();
  const std::size_t size = request.memory.size();
  EXPECT_LT(size, std::size_t{1} << 30);
  EXPECT_EQ(size == 0, request.op == io_op::sync);
  EXPECT_EQ(request.offset % alignment.sector.value, 0u);
  EXPECT_EQ(size % alignment.sector.value, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(request.memory.data()) % alignment.memory.value, 0u);
  EXPECT_LE(request.offset + size, segment_size);
  EXPECT_LT(request.file, sizes_.size());
}

void fault_queue::submit(std::span<const io_request> batch) {
  std::vector<io_request> down;
  for (const io_request& request : batch) {
    check(request);
    begin(request, down);
  }
  if (!down.empty()) inner_->submit(down);
  EXPECT_LE(under_way(), depth_);
}

void fault_queue::begin(const io_request& request, std::vector<io_request>& down) {
  const fault what = script_.next(request, names_.at(request.file));
  std::uint64_t& size = sizes_[request.file];
  size = std::max(size, request.offset + request.memory.size());
  if (answer(request, what)) return;
  journey one{request, request, what, {}, {}, {}, 0};
  switch (what.what) {
    case fault_kind::hang: hold(std::move(one)); return;
    case fault_kind::shortened: shorten(one); break;
    case fault_kind::misdirected: redirect(one); break;
    case fault_kind::torn: {
      const std::uint64_t units = request.memory.size() / what.amount;
      if (units < 2) script_.spared();
      if (units > 1) one.sent.memory = request.memory.first(units / 2 * what.amount);
      break;
    }
    case fault_kind::flip:
      if (request.op == io_op::write) {
        one.copy = copy_of(request.memory);
        one.sent.memory = {one.copy.get(), request.memory.size()};
        turn(one.sent.memory, what.amount);
      }
      break;
    default: break;
  }
  if (history_ && request.op == io_op::write) older_.wrote(one.sent);
  if (one.sent.memory.empty() && request.op != io_op::sync) {
    ready_.push_back({request.tag, outcome(one, 0)});
    return;
  }
  down.push_back(one.sent);
  below_.push_back(std::move(one));
}

/// Faults that never reach the disk.
///
/// Returns: false when it is none of them
bool fault_queue::answer(const io_request& request, const fault& what) {
  std::int64_t said = 0;
  switch (what.what) {
    case fault_kind::error: said = -static_cast<std::int64_t>(what.amount); break;
    case fault_kind::nothing: break;
    case fault_kind::lost_write: said = static_cast<std::int64_t>(request.memory.size()); break;
    case fault_kind::failed_sync:
      if (forget_) forget_(request.file);
      said = -EIO;
      break;
    default: return false;
  }
  ready_.push_back({request.tag, said});
  return true;
}

/// To the bytes behind those that were meant, or before them at the file's end.
void fault_queue::redirect(journey& one) {
  const std::uint64_t size = one.asked.memory.size();
  if (one.asked.offset + 2 * size <= sizes_[one.asked.file]) {
    one.sent.offset += size;
  } else if (one.asked.offset >= size) {
    one.sent.offset -= size;
  } else {
    script_.spared();
  }
}

/// The disk gets whole sectors; the rest of what is said to have moved is rubbish.
void fault_queue::shorten(journey& one) const {
  const std::uint64_t sector = script_.rules().alignment.sector.value;
  if (one.what.amount >= one.asked.memory.size()) {
    one.what = {};
    script_.spared();
    return;
  }
  one.sent.memory = one.asked.memory.first(one.what.amount / sector * sector);
}

void fault_queue::hold(journey one) {
  if (one.asked.op == io_op::read) std::ranges::fill(one.asked.memory, rubbish);
  one.kept.assign(one.asked.memory.begin(), one.asked.memory.end());
  hanging_.push_back(std::move(one));
  script_.starts_hanging();
}

void fault_queue::resume() {
  const std::uint64_t released = script_.releases();
  if (std::exchange(releases_, released) == released || hanging_.empty()) return;
  std::vector<io_request> down;
  for (journey& one : hanging_) {
    EXPECT_TRUE(std::ranges::equal(one.kept, one.asked.memory))
        << "memory of a request that hung was used";
    one.what = {};
    if (history_ && one.asked.op == io_op::write) older_.wrote(one.asked);
    down.push_back(one.sent);
    below_.push_back(std::move(one));
  }
  hanging_.clear();
  inner_->submit(down);
}

void fault_queue::arrive(const io_completion& done) {
  const auto found =
      std::ranges::find_if(below_, [&](const journey& each) { return each.asked.tag == done.tag; });
  ASSERT_NE(found, below_.end()) << "a completion of nothing";
  journey one = std::move(*found);
  below_.erase(found);
  one.moved = outcome(one, done.result);
  if (one.what.what == fault_kind::delay) {
    one.due = real_clock::now() + nanoseconds(one.what.amount);
    delayed_.push_back(std::move(one));
  } else if (one.what.what == fault_kind::reorder) {
    overtaken_.push_back({one.asked.tag, one.moved});
  } else {
    ready_.push_back({one.asked.tag, one.moved});
    passed_ = true;
  }
}

/// What the caller hears of `moved`, and finds in its memory.
std::int64_t fault_queue::outcome(const journey& one, std::int64_t moved) {
  if (moved < 0) return moved;
  const bool whole = moved == static_cast<std::int64_t>(one.sent.memory.size());
  switch (one.what.what) {
    case fault_kind::shortened:
      if (one.asked.op == io_op::read) {
        std::ranges::fill(one.asked.memory.subspan(one.sent.memory.size()), rubbish);
      }
      return whole ? static_cast<std::int64_t>(one.what.amount) : moved;
    case fault_kind::torn:
      return whole ? static_cast<std::int64_t>(one.asked.memory.size()) : moved;
    case fault_kind::flip:
      if (one.asked.op == io_op::read) turn(one.asked.memory, one.what.amount);
      return moved;
    case fault_kind::stale_read: older_.read(one.asked); return moved;
    default: return moved;
  }
}

void fault_queue::mature() {
  const auto now = real_clock::now();
  std::erase_if(delayed_, [&](const journey& each) {
    if (each.due > now) return false;
    ready_.push_back({each.asked.tag, each.moved});
    passed_ = true;
    return true;
  });
  if (passed_ || below_.empty()) {
    ready_.insert(ready_.end(), overtaken_.begin(), overtaken_.end());
    overtaken_.clear();
    passed_ = false;
  }
}

nanoseconds fault_queue::until_next(nanoseconds limit) const {
  const auto now = real_clock::now();
  for (const journey& each : delayed_) {
    limit = std::min(limit, std::max<nanoseconds>(each.due - now, nanoseconds(0)));
  }
  return limit;
}

std::size_t fault_queue::reap(std::span<io_completion> into, nanoseconds limit) {
  const auto end = real_clock::now() + limit;
  for (bool over = false;;) {
    resume();
    mature();
    if (over || !ready_.empty()) break;
    const nanoseconds left = std::max<nanoseconds>(end - real_clock::now(), nanoseconds(0));
    const nanoseconds wait = until_next(left);
    const std::size_t count = inner_->reap(buffer_, wait);
    for (std::size_t i = 0; i < count; ++i) arrive(buffer_[i]);
    // Nothing came before it was due: a wake-up, or the time is up.
    over = count == 0 && (wait == left || until_next(wait) > nanoseconds(0));
  }
  const std::size_t count = std::min(into.size(), ready_.size());
  std::copy_n(ready_.begin(), count, into.begin());
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

std::size_t fault_queue::under_way() const {
  return below_.size() + hanging_.size() + delayed_.size() + overtaken_.size() + ready_.size();
}

nvme::queue_opener faulty(fault_script& script, nvme::queue_opener inner) {
  return [&script, inner = std::move(inner)](
             const nvme::queue_setup& setup) -> result<std::unique_ptr<nvme::io_queue>> {
    auto opened = inner(setup);
    if (!opened) return opened;
    return std::unique_ptr<nvme::io_queue>(
        std::make_unique<fault_queue>(script, std::move(opened).value(), setup, nullptr));
  };
}

nvme::queue_opener faulty(fault_script& script, sim_disk& disk) {
  return
      [&script, &disk](const nvme::queue_setup& setup) -> result<std::unique_ptr<nvme::io_queue>> {
        auto opened = simulated(disk)(setup);
        if (!opened) return opened;
        return std::unique_ptr<nvme::io_queue>(std::make_unique<fault_queue>(
            script, std::move(opened).value(), setup,
            [&disk, files = disk.attach(setup.files)](std::uint32_t file) {
              disk.forget_unsynced(files[file]);
            }));
      };
}

}  // namespace ballast::faults
