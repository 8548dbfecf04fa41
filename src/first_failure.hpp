// Collects the outcomes of parallel work: the first failure is kept, the rest only count as failed
// too.
//
// Any thread may note(); whoever started the work take()s the result when it is over.
#pragma once

#include <atomic>
#include <ballast/result.hpp>
#include <mutex>
#include <utility>

namespace ballast {

class first_failure {
 public:
  void note(const status& outcome) {
    if (!outcome) {
      const std::lock_guard held(mutex_);
      if (kept_) {
        kept_ = outcome;
      }
      any_.store(true, std::memory_order_release);
    }
  }

  /// Cheap: whether something has failed so far.
  bool any() const { return any_.load(std::memory_order_acquire); }

  /// The result; the collector is empty again.
  status take() {
    const std::lock_guard held(mutex_);
    any_.store(false, std::memory_order_release);
    return std::exchange(kept_, status());
  }

 private:
  std::mutex mutex_;
  status kept_;  ///< guarded by mutex_
  std::atomic<bool> any_ = false;
};

}  // namespace ballast
