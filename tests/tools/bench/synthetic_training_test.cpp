#include "tools/bench/synthetic_training.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ballast::tools {
namespace {

TEST(SyntheticTraining, IsCutIntoLayersOfWholeBlocks) {
  const synthetic_training some(encoding::exact, {(std::uint64_t{40} << 20) + 1});
  EXPECT_EQ(some.count(), elements((std::uint64_t{40} << 20) + 4096));
  EXPECT_EQ(some.layers(), 3u);
  EXPECT_EQ(some.range(2), (element_range{{std::uint64_t{32} << 20}, {(8u << 20) + 4096}}));
  EXPECT_EQ(some.declare().layers().size(), 3u);
}

TEST(SyntheticTraining, GivesAnElementTheSameValuesInEveryRun) {
  const synthetic_training some(encoding::fp32, {1 << 20});
  std::vector<float> whole(200'000);
  some.gradients(3, {0}, whole);
  std::vector<float> part(70'000);  // longer than the table
  some.gradients(3, {65'500}, part);
  EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(65'500, part.size())));
  some.gradients(4, {65'500}, part);
  EXPECT_FALSE(std::ranges::equal(part, std::span(whole).subspan(65'500, part.size())));
  some.masters({0}, whole);
  some.masters({65'500}, part);
  EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(65'500, part.size())));
}

}  // namespace
}  // namespace ballast::tools
