// The moments of `int8`: codes of 8 bits and one fp32 scale for 128 elements. v is stored as its
// root, which halves the range that the codes must span.
//
// A code is rounded up or down at random in proportion to the distance: to nearest, a moment that
// decays by less than half a code would never decay. A root keeps at least code 1: a v of zero
// under a momentum that is not would make the step explode.
#pragma once

#include <ballast/arithmetic/float_bits.hpp>

namespace ballast::arithmetic {

/// Of the largest magnitude in a group. Where it is below 2^-90, whose reciprocal fp32 may not
/// hold, both factors are zero; where it is not finite, the scale is NaN and the inverse zero. A
/// zero inverse makes every code zero.
struct code_scale {
  float scale;    ///< value = code * scale
  float inverse;  ///< value * inverse is the code in units of 2^-23
};

inline constexpr float momentum_codes = 127;
inline constexpr float root_codes = 255;
inline constexpr float least_coded = 0x1p-90f;
inline constexpr std::uint32_t code_fraction_bits = 23;
/// A little less than 2^23, so that rounding never lifts the largest value past its code.
inline constexpr float code_units = 0x1.fffffp22f;

/// The bits of an element's noise that round its codes; both moments take the same, the master's
/// are others.
BALLAST_ELEMENT std::uint32_t code_noise(std::uint32_t noise) { return noise >> 9; }
/// In its place where a code is rounded to nearest.
inline constexpr std::uint32_t half_a_code = 1u << (code_fraction_bits - 1);

/// Shapes: `largest` >= 0, infinite, or NaN
BALLAST_ELEMENT code_scale scale_of(float largest, float codes) {
  if (!is_finite(largest)) {
    return {float_of(canonical_nan_bits), 0};
  }
  if (largest < least_coded) {
    return {0, 0};
  }
  return {largest / codes, codes * code_units / largest};
}

/// The code of `value`, up or down: `noise` in [0, 2^23) decides.
///
/// Shapes: `value` is at most the largest of its group, so the code is in [-127, 127]
BALLAST_ELEMENT std::int8_t momentum_code(float value, float inverse, std::uint32_t noise) {
  if (inverse == 0) {
    return 0;
  }
  const auto level = static_cast<std::int32_t>(value * inverse) + static_cast<std::int32_t>(noise);
  return static_cast<std::int8_t>(level >> code_fraction_bits);
}

/// The same of a root, in [1, 255].
BALLAST_ELEMENT std::uint8_t root_code(float root, float inverse, std::uint32_t noise) {
  if (inverse == 0) {
    return 0;
  }
  const std::uint32_t code =
      (static_cast<std::uint32_t>(root * inverse) + noise) >> code_fraction_bits;
  return static_cast<std::uint8_t>(code > 1 ? code : 1);
}

BALLAST_ELEMENT float momentum_of(std::int8_t code, float scale) {
  return canonical(static_cast<float>(code) * scale);
}

BALLAST_ELEMENT float variance_of(std::uint8_t code, float scale) {
  const float root = static_cast<float>(code) * scale;
  return canonical(root * root);
}

}  // namespace ballast::arithmetic
