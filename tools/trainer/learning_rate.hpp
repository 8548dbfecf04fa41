// The learning rate of each step: linear warm-up, then half a cosine down to a last value. Plain
// values.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace ballast::tools {

/// Steps count from 0. The first warm-up step already learns; from `steps` on the rate stays
/// `last`.
struct learning_rate_schedule {
  double peak = 1e-3;
  double last = 1e-4;
  std::uint64_t warm_up = 10;
  std::uint64_t steps = 100;

  double at(std::uint64_t step) const {
    if (step < warm_up) {
      return peak * static_cast<double>(step + 1) / static_cast<double>(warm_up);
    }
    if (step >= steps) return last;
    const double done = static_cast<double>(step - warm_up) /
                        static_cast<double>(std::max<std::uint64_t>(steps - warm_up, 1));
    return last + (peak - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  }
};

}  // namespace ballast::tools
