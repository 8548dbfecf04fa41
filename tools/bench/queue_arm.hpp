// Blocks through the room's own loop: one transfer a block, asked for by the completion of the one
// before, so that the loop is never short of work.
#pragma once

#include <ballast/config.hpp>
#include <memory>
#include <nvme/io_loop.hpp>
#include <semaphore>

#include "tools/bench/block_traffic.hpp"
#include "tools/bench/io_arm.hpp"

namespace ballast::tools {

class queue_arm final : public io_arm {
 public:
  /// `buffers`, `files` and `time` outlive it.
  ///
  /// Errors: those of starting the loop: unsupported where the backend is refused
  static result<std::unique_ptr<queue_arm>> make(const block_job& job, io_backend backend,
                                                 bench_files& files, std::span<std::byte> buffers,
                                                 const clock& time);

  std::string_view name() const override { return "queue"; }
  std::string description() const override { return loop_->description(); }
  result<io_sample> run(scrutiny how) override;

 private:
  struct slot {
    queue_arm* arm;
    std::uint32_t index;
  };

  queue_arm(block_traffic traffic, std::unique_ptr<nvme::io_loop> loop, const clock& time);

  void submit(slot& which);
  void arrived(slot& which, const status& outcome);

  block_traffic traffic_;
  std::vector<slot> slots_;
  // The loop's thread alone while a pass runs.
  status outcome_;
  std::size_t active_ = 0;
  std::binary_semaphore over_{0};
  nvme::link_meter reads_;
  nvme::link_meter writes_;
  std::unique_ptr<nvme::io_loop> loop_;  ///< ends before what its completions use
};

}  // namespace ballast::tools
