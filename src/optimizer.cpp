#include <ballast/optimizer.hpp>
#include <cmath>

namespace ballast {

std::string_view to_string(optimizer which) {
  switch (which) {
    case optimizer::adamw: return "adamw";
    case optimizer::adam: return "adam";
    case optimizer::sgd: return "sgd";
  }
  return "?";
}

namespace {

/// Adam's bias corrections of update `step`, folded into two scalars.
struct bias_corrections {
  bias_corrections(double beta1, double beta2, std::uint64_t step)
      : root(std::sqrt(1.0 - std::pow(beta2, static_cast<double>(step)))),
        step_size(root / (1.0 - std::pow(beta1, static_cast<double>(step)))) {}

  double root;       ///< of v's
  double step_size;  ///< of the quotient m / sqrt(v)
};

/// The nearest number of 29 significant bits, whose product with a float is exact in double.
double round_to_29_bits(double value) {
  constexpr double splitter = 0x1p24 + 1;  // Veltkamp: leaves 53 - 24 bits
  const double wide = splitter * value;
  return wide - (wide - value);
}

}  // namespace

adamw_scalars make_scalars(const adamw_options& options, double learning_rate, std::uint64_t step,
                           double scale) {
  const bias_corrections corrected(options.beta1, options.beta2, step);
  return {
      .beta1 = static_cast<float>(options.beta1),
      .momentum_gain = static_cast<float>((1.0 - options.beta1) * scale),
      .beta2 = round_to_29_bits(options.beta2),
      .root_gain = round_to_29_bits(std::sqrt(1.0 - options.beta2) * scale),
      .step_size = static_cast<float>(learning_rate * corrected.step_size),
      .epsilon = static_cast<float>(options.epsilon * corrected.root),
      .decay_rate = static_cast<float>(learning_rate * options.weight_decay),
  };
}

adam_scalars make_scalars(const adam_options& options, double learning_rate, std::uint64_t step,
                          double scale) {
  const bias_corrections corrected(options.beta1, options.beta2, step);
  return {
      .scale = static_cast<float>(scale),
      .weight_decay = static_cast<float>(options.weight_decay),
      .beta1 = static_cast<float>(options.beta1),
      .momentum_gain = static_cast<float>(1.0 - options.beta1),
      .beta2 = round_to_29_bits(options.beta2),
      .root_gain = round_to_29_bits(std::sqrt(1.0 - options.beta2)),
      .step_size = static_cast<float>(learning_rate * corrected.step_size),
      .epsilon = static_cast<float>(options.epsilon * corrected.root),
  };
}

sgd_scalars make_scalars(const sgd_options& options, double learning_rate, std::uint64_t,
                         double scale) {
  return {
      .scale = static_cast<float>(scale),
      .weight_decay = static_cast<float>(options.weight_decay),
      .momentum = static_cast<float>(options.momentum),
      .gradient_share = options.nesterov ? 1.0F : 0.0F,
      .momentum_share = options.nesterov ? static_cast<float>(options.momentum) : 1.0F,
      .learning_rate = static_cast<float>(learning_rate),
  };
}

optimizer_scalars make_scalars(const optimizer_options& options, double learning_rate,
                               std::uint64_t step, double scale) {
  return std::visit(
      [&](const auto& of) {
        return optimizer_scalars(make_scalars(of, learning_rate, step, scale));
      },
      options);
}

}  // namespace ballast
