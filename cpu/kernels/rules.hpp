// The optimizers on vectors: the formulas of ballast/arithmetic/optimizers.hpp, operation by
// operation. A rule holds a step's scalars; it steps a vector of elements' moments, and later moves
// their weights.
#pragma once

#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/optimizer_scalars.hpp>
#include <cpu/kernels/numbers.hpp>

namespace ballast::cpu {

/// A vector of elements' moments after a step, as computed, and what their weights need besides the
/// momentum: the variance's root, or, of SGD, the gradient with its decay.
template <class Lanes>
struct stepped {
  typename Lanes::real momentum, variance, root_or_gradient;
};

/// What the steps of a group made, until its weights have been moved.
struct stepped_group {
  alignas(64) float momenta[arithmetic::group_elements];
  alignas(64) float roots_or_gradients[arithmetic::group_elements];

  template <class Lanes>
  [[gnu::always_inline]] void keep(std::size_t at, const stepped<Lanes>& made) {
    made.momentum.store_aligned(momenta + at);
    made.root_or_gradient.store_aligned(roots_or_gradients + at);
  }
  template <class Lanes, class Rule>
  [[gnu::always_inline]] typename Lanes::real weight(const Rule& rule, std::size_t at,
                                                     typename Lanes::real before) const {
    using real = typename Lanes::real;
    return rule.weight(before, real::load_aligned(momenta + at),
                       real::load_aligned(roots_or_gradients + at));
  }
};

/// beta2 * v + (root_gain * g)^2
template <class Lanes, template <class> class Precision>
struct variance_average {
  using precision = Precision<Lanes>;
  using real = typename Lanes::real;
  using number = typename precision::number;

  variance_average(double decay, double gain)
      : beta2(precision::constant(decay)), root_gain(precision::constant(gain)) {}

  [[gnu::always_inline]] real operator()(const number& v, real g) const {
    const number grown = root_gain * precision::from(g);
    return precision::rounded(precision::plus_exact_product(grown * grown, beta2, v));
  }

  number beta2, root_gain;
};

/// step_size * m / (root + epsilon)
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
  static constexpr bool decays_gradient = false;  ///< its moments do not look at the weight

  explicit adamw_rule(const adamw_scalars& scalars)
      : beta1(scalars.beta1),
        momentum_gain(scalars.momentum_gain),
        variance(scalars.beta2, scalars.root_gain),
        quotient{real(scalars.step_size), real(scalars.epsilon)},
        decay_rate(scalars.decay_rate) {}

  [[gnu::always_inline]] stepped<Lanes> moments(real, real m, const number& v, real g) const {
    const real new_v = variance(v, g);
    return {beta1 * m + momentum_gain * g, new_v, xsimd::sqrt(new_v)};
  }
  [[gnu::always_inline]] real weight(real p, real m, real root) const {
    return p - (quotient(m, root) + decay_rate * p);
  }

  real beta1, momentum_gain;
  variance_average<Lanes, Precision> variance;
  adam_quotient<Lanes> quotient;
  real decay_rate;
};

template <class Lanes, template <class> class Precision>
struct adam_rule {
  using precision = Precision<Lanes>;
  using real = typename Lanes::real;
  using number = typename precision::number;
  static constexpr bool has_variance = true;
  static constexpr bool decays_gradient = true;

  explicit adam_rule(const adam_scalars& scalars)
      : scale(scalars.scale),
        weight_decay(scalars.weight_decay),
        beta1(scalars.beta1),
        momentum_gain(scalars.momentum_gain),
        variance(scalars.beta2, scalars.root_gain),
        quotient{real(scalars.step_size), real(scalars.epsilon)} {}

  [[gnu::always_inline]] stepped<Lanes> moments(real p, real m, const number& v, real g) const {
    const real e = scale * g + weight_decay * p;
    const real new_v = variance(v, e);
    return {beta1 * m + momentum_gain * e, new_v, xsimd::sqrt(new_v)};
  }
  [[gnu::always_inline]] real weight(real p, real m, real root) const {
    return p - quotient(m, root);
  }

  real scale, weight_decay, beta1, momentum_gain;
  variance_average<Lanes, Precision> variance;
  adam_quotient<Lanes> quotient;
};

template <class Lanes, template <class> class Precision>
struct sgd_rule {
  using precision = Precision<Lanes>;
  using real = typename Lanes::real;
  using number = typename precision::number;
  static constexpr bool has_variance = false;
  static constexpr bool decays_gradient = true;

  explicit sgd_rule(const sgd_scalars& scalars)
      : scale(scalars.scale),
        weight_decay(scalars.weight_decay),
        momentum(scalars.momentum),
        gradient_share(scalars.gradient_share),
        momentum_share(scalars.momentum_share),
        learning_rate(scalars.learning_rate) {}

  [[gnu::always_inline]] stepped<Lanes> moments(real p, real m, const number&, real g) const {
    const real e = scale * g + weight_decay * p;
    return {momentum * m + e, real(0.0f), e};
  }
  [[gnu::always_inline]] real weight(real p, real m, real e) const {
    const real direction = gradient_share * e + momentum_share * m;
    return p - learning_rate * direction;
  }

  real scale, weight_decay, momentum, gradient_share, momentum_share, learning_rate;
};

}  // namespace ballast::cpu
