// fp32 as bits: what IEEE leaves open is fixed here. Every NaN that is stored is one pattern,
// 0x7FC00000, so no bit depends on which operand's payload an instruction keeps.
#pragma once

#include <ballast/arithmetic/element_function.hpp>
#include <cstdint>
#include <cstring>

namespace ballast::arithmetic {

inline constexpr std::uint32_t canonical_nan_bits = 0x7FC00000;
inline constexpr std::uint32_t magnitude_mask = 0x7FFFFFFF;
inline constexpr std::uint32_t infinity_bits = 0x7F800000;

BALLAST_ELEMENT std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

BALLAST_ELEMENT float float_of(std::uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

BALLAST_ELEMENT bool is_nan(float value) {
  return (bits_of(value) & magnitude_mask) > infinity_bits;
}

BALLAST_ELEMENT bool is_finite(float value) {
  return (bits_of(value) & magnitude_mask) < infinity_bits;
}

/// `value`, or the canonical NaN when it is one.
BALLAST_ELEMENT float canonical(float value) {
  return is_nan(value) ? float_of(canonical_nan_bits) : value;
}

}  // namespace ballast::arithmetic
