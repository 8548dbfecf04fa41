// The element functions of bf16 and fp16, checked from outside: against the definition of the
// formats, at every point where a rounding decides, and against the processor's own conversion.
#include <ballast/arithmetic/narrow_floats.hpp>

#include <gtest/gtest.h>
#include <immintrin.h>

#include <cmath>
#include <limits>

namespace ballast::arithmetic {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// What the bits of a finite half mean: IEEE 754, binary16.
float value_of_half(std::uint32_t bits) {
  const auto exponent = static_cast<int>((bits >> 10) & 31u);
  const auto fraction = static_cast<float>(bits & 0x3FFu);
  const float magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0F + fraction, exponent - 25);
  return (bits >> 15) != 0 ? -magnitude : magnitude;
}

TEST(GpuNarrowFloats, EveryHalfWidensToItsValue) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float found = widen_f16(static_cast<std::uint16_t>(bits));
    if ((bits & 0x7C00u) == 0x7C00u) {
      const bool infinite = (bits & 0x3FFu) == 0;
      const float expected = infinite ? std::copysign(infinity, (bits >> 15) != 0 ? -1.0F : 1.0F)
                                      : float_of(canonical_nan_bits);
      ASSERT_EQ(bits_of(found), bits_of(expected)) << std::hex << bits;
    } else {
      ASSERT_EQ(bits_of(found), bits_of(value_of_half(bits))) << std::hex << bits;
    }
  }
}

// Rounding is monotonous, so the midpoints and their neighbours decide about every other value.
TEST(GpuNarrowFloats, HalvesRoundToTheNearestAndTiesToEven) {
  for (std::uint32_t low = 0; low < 0x7C00; ++low) {
    const float above = low == 0x7BFF ? 65536.0F : value_of_half(low + 1);
    const float middle = (value_of_half(low) + above) / 2;
    const std::uint32_t even = low % 2 == 0 ? low : low + 1;
    for (const std::uint32_t sign : {0u, 0x8000u}) {
      const float toward = sign == 0 ? 1.0F : -1.0F;
      ASSERT_EQ(round_to_f16(toward * value_of_half(low)), sign | low) << std::hex << low;
      ASSERT_EQ(round_to_f16(toward * std::nextafter(middle, 0.0F)), sign | low) << std::hex << low;
      ASSERT_EQ(round_to_f16(toward * middle), sign | even) << std::hex << low;
      ASSERT_EQ(round_to_f16(toward * std::nextafter(middle, infinity)), sign | (low + 1))
          << std::hex << low;
    }
  }
  EXPECT_EQ(round_to_f16(infinity), 0x7C00);
  EXPECT_EQ(round_to_f16(-infinity), 0xFC00);
  EXPECT_EQ(round_to_f16(std::numeric_limits<float>::max()), 0x7C00);
  EXPECT_EQ(round_to_f16(float_of(0xFFFFFFFFu)), 0x7E00) << "one NaN, whatever its payload";
}

[[gnu::target("f16c")]] void expect_the_processors_halves(std::uint64_t stride) {
  for (std::uint64_t wide = 0; wide < (std::uint64_t{1} << 32); wide += stride) {
    const float value = float_of(static_cast<std::uint32_t>(wide));
    const auto hardware = static_cast<std::uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT));
    ASSERT_EQ(round_to_f16(value), is_nan(value) ? 0x7E00 : hardware) << std::hex << wide;
  }
}

TEST(GpuNarrowFloats, HalvesAreTheProcessors) {
  if (!__builtin_cpu_supports("f16c")) {
    GTEST_SKIP() << "this processor has no half precision of its own";
  }
  expect_the_processors_halves(4093);
}

TEST(GpuNarrowFloats, OnlyFiniteValuesPastTheLastHalfOverflow) {
  EXPECT_FALSE(overflows_f16(std::nextafter(65520.0F, 0.0F)));
  EXPECT_TRUE(overflows_f16(65520.0F));
  EXPECT_TRUE(overflows_f16(-std::numeric_limits<float>::max()));
  EXPECT_FALSE(overflows_f16(infinity));
  EXPECT_FALSE(overflows_f16(float_of(canonical_nan_bits)));
}

TEST(GpuNarrowFloats, Bf16RoundsToTheNearestAndTiesAway) {
  for (std::uint32_t low = 0; low < 0x7F80; ++low) {
    const std::uint32_t middle = (low << 16) + 0x8000u;
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const std::uint32_t expected = (sign >> 16) | low;
      ASSERT_EQ(round_to_bf16(float_of(sign | (low << 16))), expected);
      ASSERT_EQ(round_to_bf16(float_of(sign | (middle - 1))), expected);
      ASSERT_EQ(round_to_bf16(float_of(sign | middle)), expected + 1) << std::hex << low;
      ASSERT_EQ(bits_of(widen_bf16(static_cast<std::uint16_t>(expected))), sign | (low << 16));
    }
  }
  EXPECT_EQ(round_to_bf16(float_of(0xFF800001u)), 0x7FC0);
}

TEST(GpuNarrowFloats, ARandomRoundingGoesUpAsOftenAsTheValueIsFar) {
  for (const std::uint32_t bits : {0x3F800000u, 0x3F800001u, 0x3F804000u, 0xBF80FFFFu, 0x00001234u,
                                   0x7F800000u, 0x7FC00000u}) {
    const float value = float_of(bits);
    std::uint32_t ups = 0;
    for (std::uint32_t noise = 0; noise < 0x10000; ++noise) {
      const std::uint16_t rounded = round_to_bf16(value, noise);
      ASSERT_TRUE(rounded == bits >> 16 || rounded == (bits >> 16) + 1) << std::hex << bits;
      ups += rounded - (bits >> 16);
    }
    EXPECT_EQ(ups, bits & 0xFFFFu) << std::hex << bits;
  }
}

}  // namespace
}  // namespace ballast::arithmetic
