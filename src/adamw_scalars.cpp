#include <ballast/update.hpp>
#include <cmath>

namespace ballast {

adamw_scalars make_adamw_scalars(const adamw_options& options, double learning_rate,
                                 std::uint64_t step, double gradient_scale) {
  const auto t = static_cast<double>(step);
  const double correction1 = 1.0 - std::pow(options.beta1, t);
  const double correction2 = 1.0 - std::pow(options.beta2, t);
  return {
      .beta1 = static_cast<float>(options.beta1),
      .one_minus_beta1 = static_cast<float>(1.0 - options.beta1),
      .beta2 = static_cast<float>(options.beta2),
      .one_minus_beta2 = static_cast<float>(1.0 - options.beta2),
      .decay_rate = static_cast<float>(learning_rate * options.weight_decay),
      .step_size = static_cast<float>(learning_rate / correction1),
      .inverse_sqrt_bias_correction2 = static_cast<float>(1.0 / std::sqrt(correction2)),
      .epsilon = static_cast<float>(options.epsilon),
      .gradient_scale = static_cast<float>(gradient_scale),
  };
}

}  // namespace ballast
