#include "tools/bench/block_traffic.hpp"

#include <algorithm>

#include "tools/bench/cpu_clock.hpp"

namespace ballast::tools {

block_traffic::block_traffic(const block_job& job, bench_files& files, std::span<std::byte> buffers)
    : job_(job),
      files_(files),
      buffers_(buffers.first(job.setting.block.value * job.setting.depth)),
      steps_(steps_of(job, files.map().segment_size, files.map().files.size())),
      at_(job.setting.depth) {}

std::uint32_t block_traffic::slots() const {
  return static_cast<std::uint32_t>(std::min<std::size_t>(job_.setting.depth, steps_.size()));
}

std::span<std::byte> block_traffic::buffer(std::uint32_t slot) const {
  const std::size_t size = job_.setting.block.value;
  return buffers_.subspan(size * slot, size);
}

void block_traffic::restart(scrutiny how) {
  files_.ledger().dress(buffers_);
  how_ = how;
  next_ = 0;
  check_seconds_ = 0;
}

/// Asking for a thread's time is a system call: that of every 17th block stands for all.
template <class Marks>
auto block_traffic::timed(std::uint32_t slot, const Marks& marks) {
  constexpr std::size_t stride = 17;  // of a mixed job it meets both kinds
  if (at_[slot] % stride != 0) {
    return marks();
  }
  const double begin = thread_cpu_seconds();
  auto done = marks();
  check_seconds_ += (thread_cpu_seconds() - begin) * stride;
  return done;
}

bool block_traffic::next(std::uint32_t slot) {
  if (next_ == steps_.size()) {
    return false;
  }
  at_[slot] = next_++;
  return timed(slot, [&] {
    if (step(slot).op == nvme::io_op::write) {
      files_.ledger().stamp(step(slot).address, buffer(slot), how_);
    } else {
      files_.ledger().poison(buffer(slot), how_);
    }
    return true;
  });
}

status block_traffic::arrived(std::uint32_t slot) {
  if (step(slot).op == nvme::io_op::write) {
    return {};
  }
  return timed(slot, [&] { return files_.ledger().check(step(slot).address, buffer(slot), how_); });
}

}  // namespace ballast::tools
