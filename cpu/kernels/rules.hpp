// The optimizers on vectors: the formulas of ballast/arithmetic/optimizers.hpp, operation by
// operation. A rule holds a step's scalars and steps one vector of elements.
#pragma once

#include <ballast/optimizer_scalars.hpp>
#include <cpu/kernels/numbers.hpp>

namespace ballast::cpu {

/// A vector of elements after a step. The weight is canonical; the rest is as computed.
template <class Lanes>
struct stepped {
  typename Lanes::real weight, momentum, variance, root;
};

/// step_size * m / (sqrt(v) + epsilon), and the root.
template <class Lanes>
struct adam_quotient {
  using real = typename Lanes::real;
  real step_size, epsilon;

  [[gnu::always_inline]] real operator()(real m, real root) const {
    return step_size * (m / (root + epsilon));
  }
};

template <class Lanes, template <class> class Precision>
struct adamw_rule {
  using precision = Precision<Lanes>;
  using real = typename Lanes::real;
  using number = typename precision::number;
  static constexpr bool has_variance = true;

  explicit adamw_rule(const adamw_scalars& scalars)
      : beta1(precision::constant(scalars.beta1)),
        momentum_gain(precision::constant(scalars.momentum_gain)),
        beta2(precision::constant(scalars.beta2)),
        root_gain(precision::constant(scalars.root_gain)),
        quotient{real(scalars.step_size), real(scalars.epsilon)},
        decay_rate(scalars.decay_rate) {}

  [[gnu::always_inline]] stepped<Lanes> step(real p, const number& m, const number& v,
                                             real gradient) const {
    const number g = precision::from(gradient);
    const number grown = root_gain * g;
    const real new_m = precision::rounded(beta1 * m + momentum_gain * g);
    const real new_v = precision::rounded(beta2 * v + grown * grown);
    const real root = xsimd::sqrt(new_v);
    const real change = quotient(new_m, root) + decay_rate * p;
    return {Lanes::canonical(p - change), new_m, new_v, root};
  }

  number beta1, momentum_gain, beta2, root_gain;
  adam_quotient<Lanes> quotient;
  real decay_rate;
};

template <class Lanes, template <class> class Precision>
struct adam_rule {
  using precision = Precision<Lanes>;
  using real = typename Lanes::real;
  using number = typename precision::number;
  static constexpr bool has_variance = true;

  explicit adam_rule(const adam_scalars& scalars)
      : scale(precision::constant(scalars.scale)),
        weight_decay(precision::constant(scalars.weight_decay)),
        beta1(precision::constant(scalars.beta1)),
        momentum_gain(precision::constant(scalars.momentum_gain)),
        beta2(precision::constant(scalars.beta2)),
        root_gain(precision::constant(scalars.root_gain)),
        quotient{real(scalars.step_size), real(scalars.epsilon)} {}

  [[gnu::always_inline]] stepped<Lanes> step(real p, const number& m, const number& v,
                                             real gradient) const {
    const number e = scale * precision::from(gradient) + weight_decay * precision::from(p);
    const number grown = root_gain * e;
    const real new_m = precision::rounded(beta1 * m + momentum_gain * e);
    const real new_v = precision::rounded(beta2 * v + grown * grown);
    const real root = xsimd::sqrt(new_v);
    return {Lanes::canonical(p - quotient(new_m, root)), new_m, new_v, root};
  }

  number scale, weight_decay, beta1, momentum_gain, beta2, root_gain;
  adam_quotient<Lanes> quotient;
};

template <class Lanes, template <class> class Precision>
struct sgd_rule {
  using precision = Precision<Lanes>;
  using real = typename Lanes::real;
  using number = typename precision::number;
  static constexpr bool has_variance = false;

  explicit sgd_rule(const sgd_scalars& scalars)
      : scale(precision::constant(scalars.scale)),
        weight_decay(precision::constant(scalars.weight_decay)),
        momentum(precision::constant(scalars.momentum)),
        gradient_share(precision::constant(scalars.gradient_share)),
        momentum_share(precision::constant(scalars.momentum_share)),
        learning_rate(scalars.learning_rate) {}

  [[gnu::always_inline]] stepped<Lanes> step(real p, const number& m, const number&,
                                             real gradient) const {
    const number e = scale * precision::from(gradient) + weight_decay * precision::from(p);
    const real new_m = precision::rounded(momentum * m + e);
    const real direction =
        precision::rounded(gradient_share * e + momentum_share * precision::from(new_m));
    return {Lanes::canonical(p - learning_rate * direction), new_m, real(0.0f), real(0.0f)};
  }

  number scale, weight_decay, momentum, gradient_share, momentum_share;
  real learning_rate;
};

}  // namespace ballast::cpu
