// An fp32 master kept as a bf16 weight and what its rounding took: `exact` and `bf16` keep 16 bits
// of that, losslessly; `int8` keeps 8.
#pragma once

#include <ballast/arithmetic/narrow_floats.hpp>

namespace ballast::arithmetic {

/// x = (weight << 16) + residual, lossless for every pattern that is not a NaN.
struct split_master {
  std::uint16_t weight;   ///< bf16: x rounded to nearest, ties away from zero
  std::int16_t residual;  ///< what that rounding took
};

/// Shapes: `master` is canonical, or any non-NaN
BALLAST_ELEMENT split_master split(float master) {
  const std::uint32_t bits = bits_of(master);
  return {static_cast<std::uint16_t>((bits + 0x8000u) >> 16),
          static_cast<std::int16_t>(static_cast<std::uint16_t>(bits))};
}

BALLAST_ELEMENT float join(split_master halves) {
  const std::uint32_t high = static_cast<std::uint32_t>(halves.weight) << 16;
  return float_of(high + static_cast<std::uint32_t>(static_cast<std::int32_t>(halves.residual)));
}

/// True when a finite `master` has an infinite weight.
BALLAST_ELEMENT bool overflows_weight(float master) {
  const std::uint32_t magnitude = bits_of(master) & magnitude_mask;
  return magnitude > 0x7F7F7FFFu && magnitude < infinity_bits;
}

/// x = (weight << 16) + (residual << 8).
struct short_split_master {
  std::uint16_t weight;
  std::int8_t residual;
};

/// `master` rounded to 24 bits, up or down at random in proportion to the distance: `noise` in
/// [0, 2^8) decides; 0x80 rounds to nearest. Without it an update below half of the last bit would
/// be lost in every step.
BALLAST_ELEMENT float round_to_24_bits(float master, std::uint32_t noise) {
  return float_of((bits_of(master) + noise) & ~std::uint32_t{0xFF});
}

/// True for infinite weights, from which int8 cannot tell whether the master was: noise may have
/// lifted it.
BALLAST_ELEMENT bool is_infinite(short_split_master halves) {
  return (halves.weight & 0x7FFFu) == 0x7F80u;
}

/// Shapes: `master` is canonical and has been rounded to 24 bits
BALLAST_ELEMENT short_split_master short_split(float master) {
  const split_master halves = split(master);
  return {halves.weight, static_cast<std::int8_t>(halves.residual >> 8)};
}

BALLAST_ELEMENT float join(short_split_master halves) {
  return join(split_master{halves.weight, static_cast<std::int16_t>(halves.residual * 256)});
}

}  // namespace ballast::arithmetic
