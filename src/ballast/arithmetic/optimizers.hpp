// One step of one element, for every optimizer. `Number` is the precision of the moments' sums:
// double where they are stored in fp32 (in fp32 v was seen 3.7 ULP off), float where they are
// rounded further anyway.
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

template <class Number>
BALLAST_ELEMENT stepped_element step(const adamw_scalars& scalars, element before, float gradient) {
  const auto g = static_cast<Number>(gradient);
  const Number grown = static_cast<Number>(scalars.root_gain) * g;
  const auto m =
      static_cast<float>(static_cast<Number>(scalars.beta1) * static_cast<Number>(before.momentum) +
                         static_cast<Number>(scalars.momentum_gain) * g);
  const auto v = static_cast<float>(
      static_cast<Number>(scalars.beta2) * static_cast<Number>(before.variance) + grown * grown);
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
  const Number e = static_cast<Number>(scalars.scale) * static_cast<Number>(gradient) +
                   static_cast<Number>(scalars.weight_decay) * static_cast<Number>(before.weight);
  const Number grown = static_cast<Number>(scalars.root_gain) * e;
  const auto m =
      static_cast<float>(static_cast<Number>(scalars.beta1) * static_cast<Number>(before.momentum) +
                         static_cast<Number>(scalars.momentum_gain) * e);
  const auto v = static_cast<float>(
      static_cast<Number>(scalars.beta2) * static_cast<Number>(before.variance) + grown * grown);
  const float root = root_of(v);
  const float adam = scalars.step_size * (m / (root + scalars.epsilon));
  return {{canonical(before.weight - adam), canonical(m), canonical(v)}, canonical(root)};
}

/// Leaves the variance alone.
template <class Number>
BALLAST_ELEMENT stepped_element step(const sgd_scalars& scalars, element before, float gradient) {
  const Number e = static_cast<Number>(scalars.scale) * static_cast<Number>(gradient) +
                   static_cast<Number>(scalars.weight_decay) * static_cast<Number>(before.weight);
  const auto m = static_cast<float>(
      static_cast<Number>(scalars.momentum) * static_cast<Number>(before.momentum) + e);
  const auto direction =
      static_cast<float>(static_cast<Number>(scalars.gradient_share) * e +
                         static_cast<Number>(scalars.momentum_share) * static_cast<Number>(m));
  const float change = scalars.learning_rate * direction;
  return {{canonical(before.weight - change), canonical(m), before.variance}, 0};
}

}  // namespace ballast::arithmetic
