// bf16 and fp16: rounding to them, widening from them. A NaN becomes the type's one quiet NaN.
#pragma once

#include <ballast/arithmetic/float_bits.hpp>

namespace ballast::arithmetic {

BALLAST_ELEMENT float widen_bf16(std::uint16_t value) {
  return float_of(static_cast<std::uint32_t>(value) << 16);
}

/// To nearest, ties away from zero: the rounding of split(). A finite value above 0x7F7F7FFF
/// becomes infinite.
BALLAST_ELEMENT std::uint16_t round_to_bf16(float value) {
  return static_cast<std::uint16_t>((bits_of(canonical(value)) + 0x8000u) >> 16);
}

/// Up or down at random, in proportion to the distance: `noise` in [0, 2^16) decides. Values of
/// bf16, zeros, infinities and NaN stay what they are.
BALLAST_ELEMENT std::uint16_t round_to_bf16(float value, std::uint32_t noise) {
  return static_cast<std::uint16_t>((bits_of(canonical(value)) + noise) >> 16);
}

BALLAST_ELEMENT float widen_f16(std::uint16_t value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value & 0x8000u) << 16;
  const std::uint32_t rest = value & 0x7FFFu;
  if (rest >= 0x7C00u) {
    return float_of(rest > 0x7C00u ? canonical_nan_bits : sign | infinity_bits);
  }
  // 2^-24 units of the last place of the subnormals; exact, since fp32 holds every f16.
  const float magnitude = rest < 0x0400u ? static_cast<float>(rest) * 0x1p-24f
                                         : float_of((rest << 13) + ((127u - 15u) << 23));
  return float_of(sign | bits_of(magnitude));
}

/// To nearest, ties to even, as the F16C instructions do; above 65519.99 infinite.
BALLAST_ELEMENT std::uint16_t round_to_f16(float value) {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t rest = bits & magnitude_mask;
  if (rest > infinity_bits) {
    return 0x7E00;
  }
  std::uint32_t rounded;
  if (rest < 0x38800000u) {
    // Subnormal in f16: adding 0.5 leaves multiples of 2^-24 in the low bits, rounded by the add.
    rounded = bits_of(float_of(rest) + 0.5f) - bits_of(0.5f);
  } else {
    rounded = (rest + 0x0FFFu + ((rest >> 13) & 1u) - ((127u - 15u) << 23)) >> 13;
    rounded = rounded > 0x7C00u ? 0x7C00u : rounded;
  }
  return static_cast<std::uint16_t>(sign | rounded);
}

/// True when a finite `value` has no finite f16.
BALLAST_ELEMENT bool overflows_f16(float value) {
  return is_finite(value) && (round_to_f16(value) & 0x7FFFu) == 0x7C00u;
}

}  // namespace ballast::arithmetic
