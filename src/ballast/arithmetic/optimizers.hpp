// One step of one element, for every optimizer, in fp32; `Number` is the precision of the variance's
// sum: double where it is stored in fp32 (in fp32 v was seen 3.7 ULP off), float where it is rounded
// further anyway.
//
// One IEEE operation at a time, in the order written; weights and moments come back canonical.
#pragma once

#include <ballast/arithmetic/float_bits.hpp>
#include <ballast/optimizer_scalars.hpp>
#include <cmath>

namespace ballast::arithmetic {

/// An element's master weight and moments; SGD has no variance.
struct element {
  float weight;
  float momentum;
  float variance;
};

/// One correctly rounded root on both compilers.
BALLAST_ELEMENT float root_of(float value) { return sqrtf(value); }

/// An element after its step, and the root of its variance, which `int8` stores.
struct stepped_element {
  element state;
  float root;
};

/// beta2 v + (root_gain g)^2
template <class Number>
BALLAST_ELEMENT float variance_after(double beta2, double root_gain, float v, float g) {
  const Number grown = static_cast<Number>(root_gain) * static_cast<Number>(g);
  return static_cast<float>(static_cast<Number>(beta2) * static_cast<Number>(v) + grown * grown);
}

template <class Number>
BALLAST_ELEMENT stepped_element step(const adamw_scalars& scalars, element before, float gradient) {
  const float m = scalars.beta1 * before.momentum + scalars.momentum_gain * gradient;
  const float v =
      variance_after<Number>(scalars.beta2, scalars.root_gain, before.variance, gradient);
  const float root = root_of(v);
  // The quotient first: m and root shrink together, where step_size * m would underflow. The decay
  // is added to it and both leave the weight together: one rounding at the size of the weight,
  // where p * (1 - decay_rate) would add two.
  const float adam = scalars.step_size * (m / (root + scalars.epsilon));
  const float change = adam + scalars.decay_rate * before.weight;
  return {{canonical(before.weight - change), canonical(m), canonical(v)}, canonical(root)};
}

template <class Number>
BALLAST_ELEMENT stepped_element step(const adam_scalars& scalars, element before, float gradient) {
  const float e = scalars.scale * gradient + scalars.weight_decay * before.weight;
  const float m = scalars.beta1 * before.momentum + scalars.momentum_gain * e;
  const float v = variance_after<Number>(scalars.beta2, scalars.root_gain, before.variance, e);
  const float root = root_of(v);
  const float adam = scalars.step_size * (m / (root + scalars.epsilon));
  return {{canonical(before.weight - adam), canonical(m), canonical(v)}, canonical(root)};
}

/// Leaves the variance alone.
template <class Number>
BALLAST_ELEMENT stepped_element step(const sgd_scalars& scalars, element before, float gradient) {
  const float e = scalars.scale * gradient + scalars.weight_decay * before.weight;
  const float m = scalars.momentum * before.momentum + e;
  const float direction = scalars.gradient_share * e + scalars.momentum_share * m;
  const float change = scalars.learning_rate * direction;
  return {{canonical(before.weight - change), canonical(m), before.variance}, 0};
}

}  // namespace ballast::arithmetic
