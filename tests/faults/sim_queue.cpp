#include "tests/faults/sim_queue.hpp"

#include <algorithm>
#include <ballast/assert.hpp>

namespace ballast::faults {

sim_queue::sim_queue(sim_disk& disk, const nvme::queue_setup& setup)
    : disk_(disk),
      depth_(setup.depth),
      files_(disk.attach(setup.files)),
      draw_(disk.options().seed + 1) {}

void sim_queue::submit(std::span<const nvme::io_request> batch) {
  const auto now = real_clock::now();
  const auto most = static_cast<std::uint64_t>(disk_.options().latency.count());
  for (const auto& request : batch) {
    pending_.push_back({request, now + nanoseconds(draw_.below(most + 1))});
  }
  require(pending_.size() <= depth_, "a queue gets at most `depth` requests");
}

/// Serves what is due, in a drawn order.
std::size_t sim_queue::take(std::span<nvme::io_completion> into, real_clock::time_point now) {
  std::size_t count = 0;
  while (count < into.size()) {
    due_.clear();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (pending_[i].due <= now) due_.push_back(i);
    }
    if (due_.empty()) break;
    const std::size_t chosen = due_[draw_.below(due_.size())];
    nvme::io_request request = pending_[chosen].request;
    request.file = files_[request.file];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(chosen));
    into[count++] = {request.tag, disk_.perform(request)};
  }
  return count;
}

std::size_t sim_queue::reap(std::span<nvme::io_completion> into, nanoseconds limit) {
  const auto end = real_clock::now() + limit;
  for (;;) {
    const auto now = real_clock::now();
    if (const std::size_t count = take(into, now); count != 0) return count;
    auto until = end;
    for (const auto& each : pending_) until = std::min(until, each.due);
    std::unique_lock hold(mutex_);
    if (woken_up_.wait_until(hold, until, [this] { return woken_; })) {
      woken_ = false;
      return 0;
    }
    if (until == end && real_clock::now() >= end) return 0;
  }
}

void sim_queue::wake() {
  {
    const std::lock_guard hold(mutex_);
    woken_ = true;
  }
  woken_up_.notify_one();
}

}  // namespace ballast::faults
