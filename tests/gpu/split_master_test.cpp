// The element functions of split masters, from outside: lossless, nearest, and unbiased where they
// round at random.
#include <ballast/arithmetic/split_master.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ballast::arithmetic {
namespace {

TEST(GpuSplitMaster, JoinsWhatItSplit) {
  for (std::uint64_t wide = 0; wide < (std::uint64_t{1} << 32); wide += 4093) {
    const float value = float_of(static_cast<std::uint32_t>(wide));
    if (!is_nan(value)) {
      ASSERT_EQ(bits_of(join(split(value))), wide) << std::hex << wide;
      ASSERT_EQ(split(value).weight, round_to_bf16(value)) << std::hex << wide;
    }
  }
  EXPECT_EQ(split(float_of(canonical_nan_bits)).weight, 0x7FC0) << "a NaN weighs NaN";
}

TEST(GpuSplitMaster, OnlyFiniteMastersOverflow) {
  EXPECT_FALSE(overflows_weight(float_of(0x7F7F7FFFu)));
  EXPECT_TRUE(overflows_weight(float_of(0x7F7F8000u)));
  EXPECT_TRUE(overflows_weight(-std::numeric_limits<float>::max()));
  EXPECT_FALSE(overflows_weight(-std::numeric_limits<float>::infinity()));
  EXPECT_FALSE(overflows_weight(float_of(canonical_nan_bits)));
  EXPECT_TRUE(std::isinf(widen_bf16(split(float_of(0x7F7F8000u)).weight)));
}

TEST(GpuSplitMaster, TwentyFourBitsRoundUpAsOftenAsTheValueIsFar) {
  for (const std::uint32_t bits :
       {0x3F800000u, 0x3F800001u, 0x3F80007Fu, 0xBF8000FFu, 0x00000034u, 0x807FFF80u}) {
    const std::uint32_t below = bits & ~0xFFu;
    std::uint32_t ups = 0;
    for (std::uint32_t noise = 0; noise < 0x100; ++noise) {
      const std::uint32_t rounded = bits_of(round_to_24_bits(float_of(bits), noise));
      ASSERT_TRUE(rounded == below || rounded == below + 0x100u) << std::hex << bits;
      ups += rounded == below ? 0 : 1;
    }
    EXPECT_EQ(ups, bits & 0xFFu) << std::hex << bits;
  }
}

TEST(GpuSplitMaster, JoinsWhatItSplitShort) {
  for (std::uint64_t wide = 0; wide < (std::uint64_t{1} << 32); wide += 256 * 61) {
    const float value = float_of(static_cast<std::uint32_t>(wide));
    if (!is_nan(value)) {
      ASSERT_EQ(bits_of(join(short_split(value))), wide) << std::hex << wide;
    }
  }
  EXPECT_TRUE(is_nan(join(short_split(float_of(canonical_nan_bits)))));
}

}  // namespace
}  // namespace ballast::arithmetic
