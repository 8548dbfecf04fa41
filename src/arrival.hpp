// What a ticket waits for where no single transfer of a link's says it: the first failure of several
// parts, once all of them are over.
//
// Owned by its tickets and by whoever sets it. Threads: any.
#pragma once

#include <ballast/assert.hpp>
#include <ballast/transfer.hpp>
#include <condition_variable>
#include <mutex>

namespace ballast {

class arrival final : public transfer_state {
 public:
  explicit arrival(std::size_t parts = 1) : left_(parts) {}

  std::optional<status> poll() const override {
    const std::lock_guard hold(mutex_);
    return left_ == 0 ? std::optional(outcome_) : std::nullopt;
  }
  status wait() const override {
    std::unique_lock hold(mutex_);
    arrived_.wait(hold, [&] { return left_ == 0; });
    return outcome_;
  }

  /// A part is over. Returns the outcome of all, where it was the last one.
  std::optional<status> set(const status& outcome) {
    const std::lock_guard hold(mutex_);
    require(left_ > 0, "a part is over once");
    outcome_ = outcome_ ? outcome : outcome_;
    if (--left_ > 0) {
      return std::nullopt;
    }
    arrived_.notify_all();
    return outcome_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::size_t left_;  ///< guarded by mutex_
  status outcome_;    ///< guarded by mutex_
};

}  // namespace ballast
