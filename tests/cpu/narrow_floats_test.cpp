// Are bf16 and fp16 rounded as they say, against arithmetic that shares nothing with them? Every
// half here, a dense sample of fp32; all 2^32 patterns in narrow_floats_slow_test.cpp.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ballast/arithmetic/narrow_floats.hpp>
#include <cmath>

#include "tests/cpu/hardware_f16.hpp"

namespace ballast {
namespace {

using arithmetic::bits_of;
using arithmetic::float_of;

/// The value of a half by the definition of the format.
double value_of(std::uint16_t half, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (half >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = half & ((1 << mantissa_bits) - 1);
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa == 0 ? sign * INFINITY : NAN;
  }
  const int hidden = exponent == 0 ? 0 : 1 << mantissa_bits;
  return sign *
         std::ldexp(hidden + mantissa, (exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
}

TEST(narrow_floats, widen_to_the_value_of_the_format) {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const auto bits = static_cast<std::uint16_t>(half);
    const double f16 = value_of(bits, 5, 10);
    const double bf16 = value_of(bits, 8, 7);
    if (std::isnan(f16)) {
      EXPECT_EQ(bits_of(arithmetic::widen_f16(bits)), arithmetic::canonical_nan_bits);
    } else {
      EXPECT_EQ(arithmetic::widen_f16(bits), f16);
      EXPECT_EQ(std::signbit(arithmetic::widen_f16(bits)), (half & 0x8000) != 0);
      EXPECT_EQ(arithmetic::round_to_f16(arithmetic::widen_f16(bits)), bits);
    }
    if (!std::isnan(bf16)) {
      EXPECT_EQ(arithmetic::widen_bf16(bits), bf16);
      EXPECT_EQ(arithmetic::round_to_bf16(arithmetic::widen_bf16(bits)), bits);
    }
  }
}

TEST(narrow_floats, round_to_f16_as_the_hardware_does) {
  if (!testing::has_hardware_f16()) GTEST_SKIP() << "this machine has no F16C";
  EXPECT_EQ(testing::count_f16_differences(0, 0xFFFFFFFFu, 997), 0u);
  // Where subnormals begin and end, and where infinity begins.
  for (const std::uint32_t around : {0x33000000u, 0x38800000u, 0x477FF000u, 0x7F800000u}) {
    EXPECT_EQ(testing::count_f16_differences(around - 5000, around + 5000, 1), 0u);
  }
  EXPECT_EQ(arithmetic::round_to_f16(float_of(0xFFC12345u)), 0x7E00);
}

TEST(narrow_floats, note_what_f16_does_not_hold) {
  EXPECT_FALSE(arithmetic::overflows_f16(65519.996f));
  EXPECT_TRUE(arithmetic::overflows_f16(65520.0f));
  EXPECT_TRUE(arithmetic::overflows_f16(-3e38f));
  EXPECT_FALSE(arithmetic::overflows_f16(INFINITY));
  EXPECT_FALSE(arithmetic::overflows_f16(NAN));
}

RC_GTEST_PROP(narrow_floats, are_rounded_at_random_without_a_bias, (std::uint32_t bits)) {
  const float value = float_of(bits);
  RC_PRE(std::isfinite(value));
  // Of the 2^16 words of noise, as many round up as the value is past the lower neighbour.
  std::uint32_t ups = 0;
  for (std::uint32_t noise = 0; noise < 65536; noise += 1) {
    const std::uint16_t rounded = arithmetic::round_to_bf16(value, noise);
    const auto lower = static_cast<std::uint16_t>(bits >> 16);
    RC_ASSERT(rounded == lower || rounded == static_cast<std::uint16_t>(lower + 1));
    ups += rounded != lower;
  }
  RC_ASSERT(ups == (bits & 0xFFFFu));
}

TEST(narrow_floats, keep_what_bf16_holds_whatever_the_noise) {
  for (const std::uint32_t bits : {0u, 0x80000000u, 0x3F800000u, 0x7F800000u, 0xFF800000u}) {
    for (const std::uint32_t noise : {0u, 1u, 0x8000u, 0xFFFFu}) {
      EXPECT_EQ(arithmetic::round_to_bf16(float_of(bits), noise), bits >> 16);
      EXPECT_EQ(arithmetic::round_to_bf16(NAN, noise), 0x7FC0);
    }
  }
}

}  // namespace
}  // namespace ballast
