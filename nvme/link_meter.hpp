// Counts what one link moves, and for how long it had anything under way.
#pragma once

#include <ballast/link.hpp>
#include <mutex>

namespace ballast::nvme {

/// Threads: any
class link_meter {
 public:
  explicit link_meter(const clock& time) : time_(time) {}

  void begin() {
    const std::lock_guard hold(mutex_);
    if (under_way_++ == 0) since_ = time_.now();
  }

  /// `moved` is zero for a transfer that failed.
  void end(bytes moved) {
    const std::lock_guard hold(mutex_);
    totals_.moved += moved;
    ++totals_.transfers;
    if (--under_way_ == 0) totals_.busy += time_.now() - since_;
  }

  link_counters read() const {
    const std::lock_guard hold(mutex_);
    link_counters now = totals_;
    if (under_way_ != 0) now.busy += time_.now() - since_;
    return now;
  }

 private:
  const clock& time_;
  mutable std::mutex mutex_;
  link_counters totals_;         // guarded by mutex_
  std::uint64_t under_way_ = 0;  // guarded by mutex_
  time_point since_{};           // guarded by mutex_
};

}  // namespace ballast::nvme
