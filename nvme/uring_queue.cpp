#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nvme/errno_translator.hpp>
#include <nvme/uring_queue.hpp>

namespace ballast::nvme {

namespace {

constexpr std::uint64_t wake_tag = ~std::uint64_t{0} - 1;  // loop tags are small indices
constexpr std::size_t part_limit = std::size_t{1} << 30;   // the kernel's, a registered buffer

struct ring_mode {
  unsigned flags;
  std::string_view name;
};
constexpr std::array ring_modes{
    ring_mode{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
    ring_mode{IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN"},
    ring_mode{0, "plain ring"},
};

failure refused(int error, std::string_view what) {
  return {
      errc::unsupported,
      fmt::format("{} refused: {} ({}); choose --io posix, or allow io_uring (seccomp profile of "
                  "the container, sysctl kernel.io_uring_disabled, ulimit -l)",
                  what, ::strerrordesc_np(error), errno_name(error)),
      error};
}

}  // namespace

result<std::unique_ptr<io_queue>> uring_queue::open(const queue_setup& setup) {
  std::unique_ptr<uring_queue> queue(new uring_queue);
  if (auto started = queue->start(setup); !started) return started.error();
  return std::unique_ptr<io_queue>(std::move(queue));
}

status uring_queue::start(const queue_setup& setup) {
  const unsigned entries = setup.depth + 1;  // one for the wake-up
  int error = 0;
  for (const auto& mode : ring_modes) {
    error = -::io_uring_queue_init(entries, &ring_, mode.flags);
    if (error == 0) {
      open_ = true;
      mode_ = mode.name;
      break;
    }
    if (error != EINVAL) break;  // EINVAL: a flag this kernel does not know
  }
  if (!open_) return refused(error, "io_uring_setup");
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) {
    return failure{errc::unsupported, "io_uring of this kernel is too old (5.11 is needed)",
                   ENOSYS};
  }
  wake_ = file_descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return refused(errno, "eventfd");
  if (auto works = try_out(); !works) return works;
  register_files(setup.files);
  register_memory(setup.registered);
  arm_wake();
  return {};
}

/// A sandbox may allow io_uring_setup and refuse io_uring_enter: one request tells.
status uring_queue::try_out() {
  ::io_uring_prep_nop(::io_uring_get_sqe(&ring_));
  if (const int sent = ::io_uring_submit_and_wait(&ring_, 1); sent < 0) {
    return refused(-sent, "io_uring_enter");
  }
  io_uring_cqe* done = nullptr;
  if (const int error = -::io_uring_wait_cqe(&ring_, &done); error != 0) {
    return refused(error, "io_uring_enter");
  }
  ::io_uring_cqe_seen(&ring_, done);
  return {};
}

uring_queue::~uring_queue() {
  if (open_) ::io_uring_queue_exit(&ring_);
}

void uring_queue::register_files(std::span<const int> files) {
  files_.assign(files.begin(), files.end());
  files_registered_ =
      ::io_uring_register_files(&ring_, files_.data(), static_cast<unsigned>(files_.size())) == 0;
}

void uring_queue::register_memory(std::span<const std::span<std::byte>> regions) {
  for (auto region : regions) {
    while (!region.empty()) {
      const auto part = region.first(std::min(region.size(), part_limit));
      parts_.push_back(part);
      region = region.subspan(part.size());
    }
  }
  if (parts_.empty()) return;
  // The kernel numbers buffers as they are registered, registered_part() as they are sorted.
  std::sort(parts_.begin(), parts_.end(),
            [](const auto& a, const auto& b) { return a.data() < b.data(); });
  std::vector<iovec> vectors;
  for (const auto part : parts_) {
    vectors.push_back({part.data(), part.size()});
  }
  const int error =
      -::io_uring_register_buffers(&ring_, vectors.data(), static_cast<unsigned>(vectors.size()));
  if (error != 0) {
    parts_.clear();
    memory_note_ = fmt::format(" (registration refused: {}; raise ulimit -l)", errno_name(error));
  }
}

std::string uring_queue::description() const {
  return fmt::format("io_uring, {}, {} files, {} memory{}", mode_,
                     files_registered_ ? "registered" : "plain",
                     parts_.empty() ? "plain" : "registered", memory_note_);
}

int uring_queue::registered_part(std::span<const std::byte> memory) const {
  const auto after =
      std::upper_bound(parts_.begin(), parts_.end(), memory.data(),
                       [](const std::byte* at, const auto& part) { return at < part.data(); });
  if (after == parts_.begin()) return -1;
  const auto& part = *(after - 1);
  const bool inside = memory.data() + memory.size() <= part.data() + part.size();
  return inside ? static_cast<int>(after - 1 - parts_.begin()) : -1;
}

void uring_queue::submit(std::span<const io_request> batch) {
  for (const auto& request : batch) {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      flush();
      entry = ::io_uring_get_sqe(&ring_);
    }
    require(entry != nullptr, "a queue gets at most `depth` requests");
    const int file = files_registered_ ? static_cast<int>(request.file) : files_[request.file];
    const auto size = static_cast<unsigned>(request.memory.size());
    const int part = registered_part(request.memory);
    if (request.op == io_op::sync) {
      ::io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
    } else if (request.op == io_op::read && part >= 0) {
      ::io_uring_prep_read_fixed(entry, file, request.memory.data(), size, request.offset, part);
    } else if (request.op == io_op::read) {
      ::io_uring_prep_read(entry, file, request.memory.data(), size, request.offset);
    } else if (part >= 0) {
      ::io_uring_prep_write_fixed(entry, file, request.memory.data(), size, request.offset, part);
    } else {
      ::io_uring_prep_write(entry, file, request.memory.data(), size, request.offset);
    }
    if (files_registered_) entry->flags |= IOSQE_FIXED_FILE;
    entry->user_data = request.tag;
  }
  flush();
}

/// Gives prepared entries to the kernel. What it does not take now stays in the ring and goes with
/// the next call; reap() always makes one.
void uring_queue::flush() {
  while (::io_uring_sq_ready(&ring_) != 0) {
    const int sent = ::io_uring_submit(&ring_);
    if (sent > 0 || sent == -EINTR) continue;
    require(sent == 0 || sent == -EAGAIN || sent == -EBUSY || sent == -ENOMEM,
            "io_uring_submit is well-formed");
    return;
  }
}

std::size_t uring_queue::take(std::span<io_completion> into) {
  std::size_t count = 0;
  io_uring_cqe* done = nullptr;
  bool woken = false;
  while (count < into.size() && ::io_uring_peek_cqe(&ring_, &done) == 0) {
    if (done->user_data == wake_tag) {
      woken = true;
    } else {
      into[count++] = {done->user_data, done->res};
    }
    ::io_uring_cqe_seen(&ring_, done);
  }
  if (woken) {
    eventfd_t calls = 0;
    ::eventfd_read(wake_.get(), &calls);
    arm_wake();
  }
  return count;
}

std::size_t uring_queue::reap(std::span<io_completion> into, nanoseconds limit) {
  if (const std::size_t ready = take(into); ready != 0) return ready;
  __kernel_timespec time{};
  time.tv_sec = limit.count() / 1'000'000'000;
  time.tv_nsec = limit.count() % 1'000'000'000;
  io_uring_cqe* first = nullptr;
  const int error = ::io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
  require(error >= 0 || error == -ETIME || error == -EINTR || error == -EAGAIN || error == -EBUSY ||
              error == -ENOMEM,
          "io_uring_enter is well-formed");
  return take(into);
}

void uring_queue::arm_wake() {
  io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    flush();
    entry = ::io_uring_get_sqe(&ring_);
  }
  require(entry != nullptr, "the ring has an entry for its wake-up");
  ::io_uring_prep_poll_add(entry, wake_.get(), POLLIN);
  entry->user_data = wake_tag;
}

void uring_queue::wake() { ::eventfd_write(wake_.get(), 1); }

}  // namespace ballast::nvme
