#include <ballast/update.hpp>
#include <cmath>

namespace ballast {

adamw_scalars make_adamw_scalars(const adamw_options& options, double learning_rate,
                                 std::uint64_t step, double gradient_scale) {
  const auto t = static_cast<double>(step);
  const double correction1 = 1.0 - std::pow(options.beta1, t);
  const double correction2 = 1.0 - std::pow(options.beta2, t);
  const double root = std::sqrt(correction2);
  return {
      .beta1 = options.beta1,
      .momentum_gain = (1.0 - options.beta1) * gradient_scale,
      .beta2 = options.beta2,
      .variance_gain = (1.0 - options.beta2) * gradient_scale * gradient_scale,
      .step_size = static_cast<float>(learning_rate * root / correction1),
      .epsilon = static_cast<float>(options.epsilon * root),
      .decay_rate = static_cast<float>(learning_rate * options.weight_decay),
  };
}

}  // namespace ballast
