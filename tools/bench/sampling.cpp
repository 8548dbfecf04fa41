#include "tools/bench/sampling.hpp"

#include <algorithm>
#include <ballast/assert.hpp>
#include <chrono>
#include <cmath>
#include <numeric>

namespace ballast::tools {
namespace {

double seconds_of(const work& each) {
  const auto begin = std::chrono::steady_clock::now();
  each();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

std::vector<series> interleave(std::span<const work> works, std::size_t rounds, turn_order order) {
  std::vector<series> taken(works.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::size_t first = order == turn_order::rotating ? round : 0;
    for (std::size_t turn = 0; turn < works.size(); ++turn) {
      const std::size_t which = (first + turn) % works.size();
      taken[which].push_back(seconds_of(works[which]));
    }
  }
  return taken;
}

std::vector<std::size_t> fastest(std::span<const work> works, std::size_t rounds,
                                 std::size_t most) {
  const std::vector<series> taken = interleave(works, rounds);
  std::vector<std::size_t> order(works.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return *std::ranges::min_element(taken[i]); });
  order.resize(std::min(order.size(), most));
  return order;
}

double quantile(series values, double part) {
  require(!values.empty(), "a quantile is of something");
  std::ranges::sort(values);
  const double at = part * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], at - std::floor(at));
}

series ratios(const series& above, const series& below) {
  require(above.size() == below.size(), "ratios are of pairs");
  series made(above.size());
  std::ranges::transform(above, below, made.begin(), std::divides());
  return made;
}

series sums(series a, const series& b) {
  require(a.size() == b.size(), "sums are of pairs");
  std::ranges::transform(a, b, a.begin(), std::plus());
  return a;
}

}  // namespace ballast::tools
