// Upload and download of a device whose memory the CPU can address: real copies, made by one thread
// of their own in the order in which they were submitted.
//
// A copy_thread owns that thread and the queue; each copy_link gives it one direction of transfers.
// The queue is bounded by what its submitters keep in flight; a submission allocates nothing once
// as many transfers have been in flight before. Destroying the thread first completes what is
// queued.
#pragma once

#include <ballast/block_pool.hpp>
#include <ballast/link.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace ballast::cpu {

class copy_state;

/// What a link has moved; the copy thread adds, anyone reads.
struct copy_counters {
  std::mutex mutex;
  link_counters moved;
};

class copy_thread {
 public:
  copy_thread();
  ~copy_thread();
  copy_thread(const copy_thread&) = delete;
  copy_thread& operator=(const copy_thread&) = delete;

  /// Queues a copy of from.size() bytes, to be counted in `counters`.
  ticket submit(std::span<std::byte> to, std::span<const std::byte> from, completion done,
                std::shared_ptr<copy_counters> counters);

  /// Heap blocks that the queue ever needed: constant in the steady state.
  std::size_t pooled() const { return pool_->made(); }

 private:
  void serve();

  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  std::mutex mutex_;
  std::condition_variable work_;
  std::shared_ptr<copy_state> first_;  ///< guarded by mutex_: queued states, linked
  copy_state* last_ = nullptr;         ///< guarded by mutex_
  bool ending_ = false;                ///< guarded by mutex_
  std::jthread thread_;                ///< last: it uses all of the above
};

enum class copy_direction : std::uint8_t { upload, download };

class copy_link final : public link {
 public:
  /// Addresses are those of `device_memory`'s bytes. Both outlive its use.
  copy_link(copy_direction direction, std::span<std::byte> device_memory, copy_thread& server)
      : direction_(direction), device_memory_(device_memory), server_(server) {}

  std::string_view name() const override {
    return direction_ == copy_direction::upload ? "upload" : "download";
  }
  /// A transfer outside the device's memory is a contract failure. Urgency and deadline are not
  /// looked at: transfers complete in order, and a copy cannot stall.
  ticket submit(const transfer& hop) override;
  link_counters counters() const override;

 private:
  copy_direction direction_;
  std::span<std::byte> device_memory_;
  copy_thread& server_;
  std::shared_ptr<copy_counters> counters_ = std::make_shared<copy_counters>();
};

}  // namespace ballast::cpu
