// The one thread of a device that waits for its transfers and tells who wanted to know. It sleeps
// on the oldest transfer's event, so transfers are heard in the order of their submission, over
// both links; what runs on the GPU never waits for it.
//
// It owns the thread and the queue, which is bounded by what the links' users keep in flight.
// Destroying it first completes what is queued.
#pragma once

#include <atomic>
#include <ballast/block_pool.hpp>
#include <ballast/link.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "gpu/event_pool.hpp"
#include "gpu/sticky_failure.hpp"

namespace ballast::gpu {

/// What a link has moved; the completion thread adds, anyone reads.
class transfer_counters {
 public:
  /// `begin` is when the transfer was submitted; links complete theirs in that order.
  void add(bytes moved, time_point begin, time_point end);
  link_counters read() const;

 private:
  mutable std::mutex mutex_;
  link_counters counters_;   ///< guarded by mutex_
  time_point counted_to_{};  ///< guarded by mutex_: until when busy time has been counted
};

/// One transfer that was enqueued, and what its ticket looks at.
class device_transfer final : public transfer_state {
 public:
  device_transfer(const transfer& hop, std::shared_ptr<transfer_counters> counters)
      : size_(hop.memory.size()), done_(hop.done), counters_(std::move(counters)) {}

  std::optional<status> poll() const override;
  status wait() const override;

  /// Happens when the bytes have been moved; or the failure that kept them from being enqueued.
  std::optional<result<event>> enqueued;
  std::shared_ptr<device_transfer> next;  ///< guarded by the queue's mutex

  /// Runs the completion, then lets the ticket know.
  void finish(const status& outcome);

 private:
  bytes size_;
  completion done_;
  std::shared_ptr<transfer_counters> counters_;
  time_point begin_ = std::chrono::steady_clock::now();
  status outcome_;  ///< read once over_
  std::atomic<bool> over_{false};
};

class completion_thread {
 public:
  completion_thread(event_pool& events, sticky_failure& failures);
  ~completion_thread();
  completion_thread(const completion_thread&) = delete;
  completion_thread& operator=(const completion_thread&) = delete;

  void hear(std::shared_ptr<device_transfer> enqueued);

 private:
  void serve();
  status outcome_of(device_transfer& oldest);

  event_pool& events_;
  sticky_failure& failures_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::shared_ptr<device_transfer> first_;  ///< guarded by mutex_: queued transfers, linked
  device_transfer* last_ = nullptr;         ///< guarded by mutex_
  bool ending_ = false;                     ///< guarded by mutex_
  std::jthread thread_;                     ///< last: it uses all of the above
};

}  // namespace ballast::gpu
