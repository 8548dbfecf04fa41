// Arms that do the same job in turn, round by round, so that what the machine does meanwhile happens
// to all of them.
#pragma once

#include <span>
#include <vector>

#include "tools/bench/io_arm.hpp"
#include "tools/bench/sampling.hpp"

namespace ballast::tools {

/// What one arm took, round by round.
///
/// Units:   rates in GB/s; CPU in seconds a GiB moved, without the checks
struct io_series {
  std::vector<io_sample> samples;

  bytes moved() const { return samples.front().moved; }
  series rates() const;
  series cpu() const;
  series checks() const;
};

/// One series an arm.
///
/// Errors: the first of an arm
result<std::vector<io_series>> race(std::span<io_arm* const> arms, std::uint32_t rounds);

}  // namespace ballast::tools
