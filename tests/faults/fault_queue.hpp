// A wrapper around any queue that does to each request what a fault_script says, and checks that
// whoever submits keeps the seam's promises: whole sectors, at most `depth` requests, memory left alone
// until the completion.
//
// Made, used and destroyed by one thread, like every queue. What hangs has not reached the inner queue;
// its memory is compared when it goes on.
#pragma once

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "tests/faults/fault_script.hpp"
#include "tests/faults/older_bytes.hpp"
#include "tests/faults/sim_disk.hpp"

namespace ballast::faults {

/// Told of a sync that failed: the file's unsynced bytes are not to become durable.
using sync_failure = std::function<void(std::uint32_t file)>;

class fault_queue final : public nvme::io_queue {
 public:
  fault_queue(fault_script& script, std::unique_ptr<nvme::io_queue> inner,
              const nvme::queue_setup& setup, sync_failure forget);
  ~fault_queue() override;

  std::string description() const override { return inner_->description() + ", faulty"; }
  void submit(std::span<const nvme::io_request> batch) override;
  std::size_t reap(std::span<nvme::io_completion> into, nanoseconds limit) override;
  void wake() override { inner_->wake(); }

 private:
  using real_clock = std::chrono::steady_clock;

  struct freed {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using aligned_bytes = std::unique_ptr<std::byte, freed>;

  struct journey {
    nvme::io_request asked;
    nvme::io_request sent;  ///< what the inner queue gets
    fault what;
    std::vector<std::byte> kept;   ///< of one that hangs: its memory's bytes
    aligned_bytes copy;            ///< of a write with a turned bit
    real_clock::time_point due{};  ///< of one that is delayed
    std::int64_t moved = 0;
  };

  static aligned_bytes copy_of(std::span<const std::byte> memory);
  void check(const nvme::io_request& request) const;
  void begin(const nvme::io_request& request, std::vector<nvme::io_request>& down);
  bool answer(const nvme::io_request& request, const fault& what);
  void redirect(journey& one);
  void shorten(journey& one) const;
  void hold(journey one);
  void resume();
  void arrive(const nvme::io_completion& done);
  std::int64_t outcome(const journey& one, std::int64_t moved);
  void mature();
  nanoseconds until_next(nanoseconds limit) const;
  std::size_t under_way() const;

  fault_script& script_;
  const std::unique_ptr<nvme::io_queue> inner_;
  const sync_failure forget_;
  const std::size_t depth_;
  std::vector<std::uint64_t> sizes_;  ///< of the files, as far as known
  std::vector<std::string> names_;    ///< of the files, with their folders
  const bool history_;
  older_bytes older_;
  std::vector<journey> below_;  ///< in the inner queue
  std::vector<journey> hanging_;
  std::vector<journey> delayed_;  ///< moved, not said yet
  std::vector<nvme::io_completion> overtaken_;
  std::vector<nvme::io_completion> ready_;
  std::vector<nvme::io_completion> buffer_;
  std::uint64_t releases_ = 0;  ///< that were heeded
  bool passed_ = false;         ///< something was over that may overtake
};

/// Opens what `inner` opens, behind faults.
nvme::queue_opener faulty(fault_script& script, nvme::queue_opener inner);
/// Opens queues on a simulated disk, behind faults.
nvme::queue_opener faulty(fault_script& script, sim_disk& disk);

}  // namespace ballast::faults
