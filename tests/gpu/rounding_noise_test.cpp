// The random bits of rounding, against numbers computed from their definition by other means
// (arbitrary-precision integers), and their balance.
#include <ballast/arithmetic/rounding_noise.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace ballast::arithmetic {
namespace {

TEST(GpuRoundingNoise, KeysAreTheseOnEveryMachine) {
  EXPECT_EQ(noise_key(0, 0), 0x48218226ff3cd4bfu);
  EXPECT_EQ(noise_key(1, 1), 0xdec1469c8d51e97bu);
  EXPECT_EQ(noise_key(~std::uint64_t{0}, 1'000'000), 0xb8c91920543b7dfau);
  const std::uint64_t key = noise_key(1, 1);
  EXPECT_EQ(group_key(key, 0), 0xbd17853175c4f325u);
  EXPECT_EQ(group_key(key, 127), 0xbd17853175c4f325u) << "one key a group";
  EXPECT_EQ(group_key(key, 128), 0x72c343e604ca3af6u);
  EXPECT_EQ(group_key(key, std::uint64_t{1} << 40), 0x4602cc2dc0a60414u);
}

TEST(GpuRoundingNoise, WordsAreTheseOnEveryMachine) {
  const std::uint64_t group = group_key(noise_key(1, 1), 0);
  EXPECT_EQ(noise(group, 0), 0x75c4f325u);
  EXPECT_EQ(noise(group, 1), 0x32dc7856u);
  EXPECT_EQ(noise(group, 2), 0xeff3fd87u);
  EXPECT_EQ(noise(group, 127), 0x44700674u);
}

TEST(GpuRoundingNoise, EveryBitIsSetHalfTheTime) {
  constexpr int groups = 4000;
  constexpr double words = groups * 128.0;
  std::array<int, 32> set{};
  for (std::uint64_t group = 0; group < groups; ++group) {
    const std::uint64_t key = group_key(noise_key(9, 4), group * group_elements);
    for (std::uint32_t i = 0; i < group_elements; ++i) {
      const std::uint32_t word = noise(key, i);
      for (std::size_t bit = 0; bit < set.size(); ++bit) {
        set[bit] += static_cast<int>((word >> bit) & 1u);
      }
    }
  }
  const double five_sigma = 5 * std::sqrt(words) / 2;
  for (const int times : set) {
    EXPECT_NEAR(times, words / 2, five_sigma);
  }
}

}  // namespace
}  // namespace ballast::arithmetic
