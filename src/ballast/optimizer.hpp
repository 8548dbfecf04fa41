// The optimizers: their hyperparameters, and what a step makes of them. The arithmetic of one
// element is in ballast/arithmetic/optimizers.hpp.
//
// A further optimizer is one more alternative of both variants, its scalars and make_scalars(), its
// element function, and one SIMD rule (cpu/README.md, A further optimizer).
#pragma once

#include <ballast/optimizer_scalars.hpp>
#include <cstdint>
#include <string_view>
#include <variant>

namespace ballast {

/// AdamW: decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW defines it.
struct adamw_options {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

/// Adam (Kingma & Ba 2015): weight decay is part of the gradient (L2), as in torch.optim.Adam.
struct adam_options {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

/// SGD with momentum, as torch.optim.SGD with dampening 0; weight decay is part of the gradient.
struct sgd_options {
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 0;
};

using optimizer_options = std::variant<adamw_options, adam_options, sgd_options>;
using optimizer_scalars = std::variant<adamw_scalars, adam_scalars, sgd_scalars>;

/// In the order of both variants.
enum class optimizer : std::uint8_t { adamw, adam, sgd };
inline constexpr std::size_t optimizer_count = 3;

inline optimizer kind_of(const optimizer_options& options) {
  return static_cast<optimizer>(options.index());
}

std::string_view to_string(optimizer which);

/// SGD keeps a momentum only.
constexpr bool has_variance(optimizer which) { return which != optimizer::sgd; }

/// `step` is the number of this update, from 1; `scale` is clip coefficient / loss scale.
optimizer_scalars make_scalars(const optimizer_options& options, double learning_rate,
                               std::uint64_t step, double scale);

adamw_scalars make_scalars(const adamw_options& options, double learning_rate, std::uint64_t step,
                           double scale);
adam_scalars make_scalars(const adam_options& options, double learning_rate, std::uint64_t step,
                          double scale);
sgd_scalars make_scalars(const sgd_options& options, double learning_rate, std::uint64_t step,
                         double scale);

}  // namespace ballast
