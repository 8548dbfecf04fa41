// Events that are used again: a transfer in steady state makes none. It grows to the most events
// ever in use at once. The runtime outlives it.
#pragma once

#include <mutex>
#include <vector>

#include "gpu/stream.hpp"

namespace ballast::gpu {

/// Threads: any
class event_pool {
 public:
  explicit event_pool(runtime& calls) : calls_(calls) {}

  result<event> take() {
    const std::lock_guard held(mutex_);
    if (idle_.empty()) {
      return event::make(calls_);
    }
    event taken = std::move(idle_.back());
    idle_.pop_back();
    return taken;
  }

  void give(event&& used) {
    const std::lock_guard held(mutex_);
    idle_.push_back(std::move(used));
  }

  /// Makes later work on `later` wait for what is on `earlier` now.
  status order(stream_ref later, stream_ref earlier) {
    result<event> point = take();
    if (!point) {
      return point.error();
    }
    status done = point->record(earlier);
    if (done) {
      done = point->order(later);
    }
    give(std::move(*point));
    return done;
  }

 private:
  runtime& calls_;
  std::mutex mutex_;
  std::vector<event> idle_;  ///< guarded by mutex_
};

}  // namespace ballast::gpu
