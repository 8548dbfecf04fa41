// Every fp32 pattern there is, through the functions that store masters.
#include <gtest/gtest.h>
#include <immintrin.h>

#include <ballast/arithmetic/split_master.hpp>

namespace ballast::arithmetic {
namespace {

constexpr std::uint64_t patterns = std::uint64_t{1} << 32;

TEST(GpuElementsSlow, EveryMasterSurvivesItsSplit) {
  std::uint64_t wrong = 0;
  for (std::uint64_t wide = 0; wide < patterns; ++wide) {
    const float value = canonical(float_of(static_cast<std::uint32_t>(wide)));
    const split_master halves = split(value);
    const float joined = join(halves);
    const bool same = bits_of(joined) == bits_of(value);
    wrong += same && halves.weight == round_to_bf16(value) ? 0 : 1;
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(GpuElementsSlow, EveryMasterSurvivesItsShortSplitUpToOneBit) {
  std::uint64_t wrong = 0;
  for (std::uint64_t wide = 0; wide < patterns; ++wide) {
    const float value = canonical(float_of(static_cast<std::uint32_t>(wide)));
    const float rounded = round_to_24_bits(value, 0x80);
    const std::uint32_t far = bits_of(rounded) - bits_of(value) + 0x80u;
    const bool near = far <= 0x100u;
    wrong += near && bits_of(join(short_split(rounded))) == bits_of(rounded) ? 0 : 1;
  }
  EXPECT_EQ(wrong, 0u);
}

[[gnu::target("f16c")]] std::uint64_t halves_unlike_the_processors() {
  std::uint64_t wrong = 0;
  for (std::uint64_t wide = 0; wide < patterns; ++wide) {
    const float value = float_of(static_cast<std::uint32_t>(wide));
    const auto hardware = static_cast<std::uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT));
    wrong += round_to_f16(value) == (is_nan(value) ? 0x7E00 : hardware) ? 0 : 1;
  }
  return wrong;
}

TEST(GpuElementsSlow, EveryHalfIsTheProcessors) {
  if (!__builtin_cpu_supports("f16c")) {
    GTEST_SKIP() << "this processor has no half precision of its own";
  }
  EXPECT_EQ(halves_unlike_the_processors(), 0u);
}

}  // namespace
}  // namespace ballast::arithmetic
