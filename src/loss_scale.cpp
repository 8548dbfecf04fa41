#include <fmt/format.h>

#include <algorithm>
#include <ballast/loss_scale.hpp>
#include <cmath>

namespace ballast {
namespace {

bool is_scale(double value) {
  int exponent = 0;
  return value >= 1 && value <= largest_loss_scale && std::frexp(value, &exponent) == 0.5;
}

failure no_scale(double value) {
  return {errc::invalid_argument,
          fmt::format("a loss scale of {} is not a power of two from 1 to 2^40", value)};
}

}  // namespace

result<loss_scale> loss_scale::make(const loss_scale_options& options) {
  if (!is_scale(options.initial)) {
    return no_scale(options.initial);
  }
  if (options.growth_interval == 0) {
    return failure{errc::invalid_argument, "a loss scale grows after at least 1 good step"};
  }
  return loss_scale(options);
}

void loss_scale::update(bool skipped) {
  if (skipped) {
    now_ = {std::max(1.0, now_.value / 2), 0};
  } else if (++now_.good_steps >= options_.growth_interval) {
    now_ = {std::min(largest_loss_scale, now_.value * 2), 0};
  }
}

status loss_scale::restore(const state& saved) {
  if (!is_scale(saved.value)) {
    return no_scale(saved.value);
  }
  now_ = saved;
  return {};
}

}  // namespace ballast
