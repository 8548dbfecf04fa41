// The queue of a sim_disk: serves each request some time after it was submitted, in no order.
//
// Bytes move when the time has come, not when a request is submitted: memory that is touched before
// its completion goes wrong.
#pragma once

#include <chrono>
#include <condition_variable>
#include <vector>

#include "tests/faults/sim_disk.hpp"

namespace ballast::faults {

class sim_queue final : public nvme::io_queue {
 public:
  sim_queue(sim_disk& disk, const nvme::queue_setup& setup);

  std::string description() const override { return "simulated disk"; }
  void submit(std::span<const nvme::io_request> batch) override;
  std::size_t reap(std::span<nvme::io_completion> into, nanoseconds limit) override;
  void wake() override;

 private:
  using real_clock = std::chrono::steady_clock;
  struct waiting {
    nvme::io_request request;
    real_clock::time_point due;
  };

  std::size_t take(std::span<nvme::io_completion> into, real_clock::time_point now);

  sim_disk& disk_;
  const std::size_t depth_;
  const std::vector<std::uint32_t> files_;  ///< the disk's, by the queue's
  seeded_draw draw_;
  std::vector<waiting> pending_;
  std::vector<std::size_t> due_;
  std::mutex mutex_;
  std::condition_variable woken_up_;
  bool woken_ = false;  // guarded by mutex_
};

}  // namespace ballast::faults
