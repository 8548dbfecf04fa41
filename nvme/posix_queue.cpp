#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nvme/posix_queue.hpp>
#include <nvme/signal_guard.hpp>
#include <system_error>

namespace ballast::nvme {

namespace {

/// Enough to keep a disk busy: the reference disk is at its limit from 4 requests on.
constexpr std::uint32_t worker_limit = 8;

}  // namespace

std::int64_t perform(const io_request& request, int descriptor) {
  const auto offset = static_cast<off_t>(request.offset);
  ssize_t moved = 0;
  switch (request.op) {
    case io_op::read:
      moved = ::pread(descriptor, request.memory.data(), request.memory.size(), offset);
      break;
    case io_op::write:
      moved = ::pwrite(descriptor, request.memory.data(), request.memory.size(), offset);
      break;
    case io_op::sync: moved = ::fdatasync(descriptor); break;
  }
  return moved >= 0 ? moved : -static_cast<std::int64_t>(errno);
}

posix_queue::posix_queue(const queue_setup& setup)
    : files_(setup.files.begin(), setup.files.end()), requests_(setup.depth) {
  results_.reserve(setup.depth);
  for (std::uint32_t i = 0; i < std::min(setup.depth, worker_limit); ++i) {
    try {
      workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      break;  // fewer threads are slower, not wrong; none is refused by open_posix_queue
    }
  }
}

posix_queue::~posix_queue() {
  {
    const std::lock_guard hold(mutex_);
    stop_ = true;
  }
  requested_.notify_all();
  for (auto& worker : workers_) worker.join();
}

std::string posix_queue::description() const {
  return fmt::format("pread/pwrite, {} threads", workers_.size());
}

void posix_queue::submit(std::span<const io_request> batch) {
  {
    const std::lock_guard hold(mutex_);
    require(waiting_ + batch.size() <= requests_.size(), "a queue gets at most `depth` requests");
    for (const auto& request : batch) {
      requests_[(first_ + waiting_++) % requests_.size()] = request;
    }
  }
  if (batch.size() == 1) {
    requested_.notify_one();
  } else {
    requested_.notify_all();
  }
}

std::size_t posix_queue::reap(std::span<io_completion> into, nanoseconds limit) {
  std::unique_lock hold(mutex_);
  finished_.wait_for(hold, limit, [this] { return woken_ || !results_.empty(); });
  woken_ = false;
  const std::size_t count = std::min(into.size(), results_.size());
  std::copy_n(results_.begin(), count, into.begin());
  results_.erase(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

void posix_queue::wake() {
  {
    const std::lock_guard hold(mutex_);
    woken_ = true;
  }
  finished_.notify_one();
}

void posix_queue::work() {
  block_signals_in_this_thread();
  ::pthread_setname_np(::pthread_self(), "ballast-io");
  std::unique_lock hold(mutex_);
  for (;;) {
    requested_.wait(hold, [this] { return stop_ || waiting_ != 0; });
    if (waiting_ == 0) return;
    const io_request request = requests_[first_];
    first_ = (first_ + 1) % requests_.size();
    --waiting_;
    hold.unlock();
    const std::int64_t moved = perform(request, files_[request.file]);
    hold.lock();
    results_.push_back({request.tag, moved});
    finished_.notify_one();
  }
}

result<std::unique_ptr<io_queue>> open_posix_queue(const queue_setup& setup) {
  auto queue = std::make_unique<posix_queue>(setup);
  if (queue->workers() == 0) {
    return failure{errc::unsupported,
                   "no thread for pread/pwrite could be started; raise the limit on processes "
                   "(ulimit -u)"};
  }
  return std::unique_ptr<io_queue>(std::move(queue));
}

}  // namespace ballast::nvme
