// What every arm that moves blocks does beside moving them: which block is next, in which buffer, and
// is it the right one?
//
// One thread at a time.
#pragma once

#include <nvme/io_queue.hpp>
#include <optional>

#include "tools/bench/bench_files.hpp"
#include "tools/bench/block_job.hpp"

namespace ballast::tools {

class block_traffic {
 public:
  /// `buffers` holds one block for each that is under way; borrowed.
  block_traffic(const block_job& job, bench_files& files, std::span<std::byte> buffers);

  bytes total() const { return job_.setting.block * steps_.size(); }
  /// Buffers in use when as much as possible is under way.
  std::uint32_t slots() const;

  /// Begins another pass.
  void restart(scrutiny how);
  /// Readies the next block in the buffer of `slot`; false when there is none.
  bool next(std::uint32_t slot);
  const block_step& step(std::uint32_t slot) const { return steps_[at_[slot]]; }
  std::span<std::byte> buffer(std::uint32_t slot) const;
  /// Looks at a block that arrived.
  ///
  /// Errors: corrupted
  status arrived(std::uint32_t slot);

  /// CPU seconds of this pass spent on marks.
  double check_seconds() const { return check_seconds_; }

 private:
  template <class Marks>
  auto timed(std::uint32_t slot, const Marks& marks);

  const block_job job_;
  bench_files& files_;
  const std::span<std::byte> buffers_;
  const std::vector<block_step> steps_;
  std::vector<std::size_t> at_;  ///< by slot: index of its step
  std::size_t next_ = 0;
  scrutiny how_ = scrutiny::some_marks;
  double check_seconds_ = 0;
};

}  // namespace ballast::tools
