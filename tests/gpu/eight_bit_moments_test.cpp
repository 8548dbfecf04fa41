// The codes of int8's moments, from outside: how far a decoded value may lie from its own, that the
// rounding has no bias, and what becomes of values that have no code.
#include <ballast/arithmetic/eight_bit_moments.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ballast::arithmetic {
namespace {

/// Noise spread evenly over its range.
constexpr std::uint32_t noises = 0x1000;
constexpr std::uint32_t noise_stride = (1u << code_fraction_bits) / noises;

TEST(GpuEightBitMoments, AMomentumIsWithinOneCodeAndOnAverageItself) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const float largest : {1.0F, 3e-7F, 2e30F, least_coded}) {
    const code_scale by = scale_of(largest, momentum_codes);
    for (int i = 0; i < 50; ++i) {
      const float value = largest * uniform(random);
      const float nearest = momentum_of(momentum_code(value, by.inverse, half_a_code), by.scale);
      ASSERT_LE(std::abs(nearest - value), 0.501F * by.scale) << value << " of " << largest;
      double sum = 0;
      for (std::uint32_t noise = 0; noise < noises; ++noise) {
        const float seen =
            momentum_of(momentum_code(value, by.inverse, noise * noise_stride), by.scale);
        ASSERT_LE(std::abs(seen - value), 1.001F * by.scale) << value << " of " << largest;
        sum += double{seen};
      }
      ASSERT_NEAR(sum / noises / double{by.scale}, double{value} / double{by.scale}, 1e-3);
    }
  }
}

// The scale's own rounding must not lift the largest value past the last code.
TEST(GpuEightBitMoments, CodesEndAtTheLargest) {
  std::mt19937_64 random(4);
  constexpr std::uint32_t last_noise = (1u << code_fraction_bits) - 1;
  for (int i = 0; i < 100'000; ++i) {
    const auto exponent = static_cast<std::uint32_t>(random() % 216) + 38;
    const float largest = float_of(exponent << 23 | static_cast<std::uint32_t>(random() >> 41));
    const float momentum = scale_of(largest, momentum_codes).inverse;
    const float root = scale_of(largest, root_codes).inverse;
    for (const std::uint32_t noise : {0u, half_a_code, last_noise}) {
      ASSERT_GE(momentum_code(largest, momentum, noise), 126) << largest;
      ASSERT_LE(momentum_code(-largest, momentum, noise), -126) << largest;
      ASSERT_GE(momentum_code(-largest, momentum, noise), -127) << largest;
      ASSERT_GE(root_code(largest, root, noise), 254) << largest;
    }
    ASSERT_EQ(momentum_code(largest, momentum, half_a_code), 127) << largest;
    ASSERT_EQ(momentum_code(-largest, momentum, half_a_code), -127) << largest;
    ASSERT_EQ(root_code(largest, root, half_a_code), 255) << largest;
  }
}

TEST(GpuEightBitMoments, EveryRootKeepsACode) {
  const code_scale by = scale_of(1.0F, root_codes);
  EXPECT_EQ(root_code(1e-30F, by.inverse, 0), 1);
  EXPECT_EQ(root_code(std::numeric_limits<float>::denorm_min(), by.inverse, 0), 1);
  EXPECT_EQ(root_code(0.0F, by.inverse, half_a_code), 1);
  EXPECT_GT(variance_of(1, by.scale), 0.0F);
}

TEST(GpuEightBitMoments, AVarianceIsTheSquareOfItsRoot) {
  const code_scale by = scale_of(0.5F, root_codes);
  for (int code = 0; code < 256; ++code) {
    const double root = double{static_cast<float>(code) * by.scale};
    const double exact = root * root;
    ASSERT_NEAR(double{variance_of(static_cast<std::uint8_t>(code), by.scale)}, exact,
                exact * 0x1p-24);
  }
}

TEST(GpuEightBitMoments, WhatHasNoScaleIsZeroOrNaN) {
  const code_scale tiny = scale_of(std::nextafter(least_coded, 0.0F), momentum_codes);
  EXPECT_EQ(tiny.scale, 0.0F);
  EXPECT_EQ(momentum_code(1e-37F, tiny.inverse, half_a_code), 0);
  EXPECT_TRUE(std::isfinite(scale_of(least_coded, root_codes).inverse));
  for (const float largest :
       {std::numeric_limits<float>::infinity(), float_of(0x7FFFFFFFu), float_of(0x7F800001u)}) {
    const code_scale none = scale_of(largest, root_codes);
    EXPECT_EQ(bits_of(none.scale), canonical_nan_bits);
    EXPECT_EQ(root_code(largest, none.inverse, 0), 0);
    EXPECT_EQ(momentum_code(-largest, none.inverse, 0), 0);
    EXPECT_EQ(bits_of(momentum_of(0, none.scale)), canonical_nan_bits);
    EXPECT_EQ(bits_of(variance_of(0, none.scale)), canonical_nan_bits);
  }
}

}  // namespace
}  // namespace ballast::arithmetic
