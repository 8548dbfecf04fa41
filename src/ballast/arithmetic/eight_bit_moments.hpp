// The moments of `int8`: codes of 8 bits and one fp32 scale for 128 elements. v is stored as its
// root, which halves the range that the codes must span.
//
// A code is rounded up or down at random in proportion to the distance: to nearest, a moment that
// decays by less than half a code would never decay. A positive root keeps at least code 1: a v of
// zero under a momentum that is not would make the step explode.
#pragma once

#include <ballast/arithmetic/float_bits.hpp>

namespace ballast::arithmetic {

/// Of the largest magnitude in a group; both factors are zero where it is below 2^-119, whose
/// reciprocal fp32 may not hold, and the scale is NaN where it is not finite.
struct code_scale {
  float scale;    ///< value = code * scale
  float inverse;  ///< code = value * inverse
};

inline constexpr float momentum_codes = 127;
inline constexpr float root_codes = 255;
inline constexpr float least_coded = 0x1p-119f;

/// Shapes: `largest` >= 0, infinite, or NaN
BALLAST_ELEMENT code_scale scale_of(float largest, float codes) {
  if (!is_finite(largest)) {
    return {float_of(canonical_nan_bits), 0};
  }
  if (largest < least_coded) {
    return {0, 0};
  }
  return {largest / codes, codes / largest};
}

/// value * inverse rounded up or down: `noise` in [0, 2^12) decides; 0x800 rounds to nearest.
///
/// Shapes: `value` >= 0, at most the largest of its group; NaN where the inverse is zero
BALLAST_ELEMENT std::uint32_t code_of(float value, float inverse, std::uint32_t noise) {
  const float level = value * inverse + static_cast<float>(noise) * 0x1p-12f;
  return inverse == 0 ? 0 : static_cast<std::uint32_t>(level);
}

BALLAST_ELEMENT std::int8_t momentum_code(float value, float inverse, std::uint32_t noise) {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t level = code_of(float_of(bits & magnitude_mask), inverse, noise);
  const auto code = static_cast<std::int32_t>(level < 127 ? level : 127);
  return static_cast<std::int8_t>((bits >> 31) != 0 ? -code : code);
}

/// Shapes: `root` >= 0
BALLAST_ELEMENT std::uint8_t root_code(float root, float inverse, std::uint32_t noise) {
  const std::uint32_t level = code_of(root, inverse, noise);
  const std::uint32_t least = inverse != 0 && root > 0 ? 1 : 0;
  return static_cast<std::uint8_t>(level < least ? least : level > 255 ? 255 : level);
}

BALLAST_ELEMENT float momentum_of(std::int8_t code, float scale) {
  return canonical(static_cast<float>(code) * scale);
}

BALLAST_ELEMENT float variance_of(std::uint8_t code, float scale) {
  const float root = static_cast<float>(code) * scale;
  return canonical(root * root);
}

}  // namespace ballast::arithmetic
