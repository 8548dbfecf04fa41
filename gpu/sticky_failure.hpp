// The first failure of a device, which every later call reports: work that was enqueued behind it
// has no meaning any more, and calls without a result of their own have no other way to tell.
#pragma once

#include <ballast/result.hpp>
#include <mutex>

namespace ballast::gpu {

/// Threads: any
class sticky_failure {
 public:
  /// Keeps the first failure; returns what is kept.
  status note(const status& outcome) {
    const std::lock_guard held(mutex_);
    if (kept_) {
      kept_ = outcome;
    }
    return kept_;
  }
  status seen() const {
    const std::lock_guard held(mutex_);
    return kept_;
  }

 private:
  mutable std::mutex mutex_;
  status kept_;  ///< guarded by mutex_
};

}  // namespace ballast::gpu
