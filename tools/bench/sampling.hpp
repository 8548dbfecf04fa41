// Times several works in turn, so that what the machine does meanwhile happens to all of them, and
// compares them pair by pair.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace ballast::tools {

using work = std::function<void()>;
/// Seconds, one a round.
using series = std::vector<double>;

/// Where a round begins.
enum class turn_order : unsigned char {
  rotating,  ///< one work further in every round: nobody always runs first
  fixed      ///< works depend on each other
};

/// Each round runs every work once. What comes back has one series a work.
std::vector<series> interleave(std::span<const work> works, std::size_t rounds,
                               turn_order order = turn_order::rotating);

/// The works with the least time of `rounds` interleaved ones, best first, `most` of them.
std::vector<std::size_t> fastest(std::span<const work> works, std::size_t rounds, std::size_t most);

/// Between the two nearest values, in proportion; at the ends the least and the largest.
///
/// Shapes:  values is not empty; `part` in [0, 1]
double quantile(series values, double part);
inline double median(series values) { return quantile(std::move(values), 0.5); }

/// above[i] / below[i]: of one round each.
series ratios(const series& above, const series& below);
/// sum[i] of a[i] + b[i]
series sums(series a, const series& b);

}  // namespace ballast::tools
