// Quantities, ranges and results: the vocabulary does what its names say.
#include <gtest/gtest.h>

#include <ballast/result.hpp>
#include <ballast/types.hpp>

namespace ballast {
namespace {

using namespace literals;

TEST(Quantity, KeepsItsUnit) {
  EXPECT_EQ((3_KiB).value, 3072u);
  EXPECT_EQ(1_MiB + 1_MiB, 2_MiB);
  EXPECT_EQ(10_MiB / 1_MiB, 10u);
}

TEST(ElementRange, IntersectsAndKnowsWhenItIsEmpty) {
  const element_range a{{10}, {10}};
  EXPECT_EQ(intersect(a, {{15}, {10}}), (element_range{{15}, {5}}));
  EXPECT_TRUE(intersect(a, {{20}, {5}}).empty());
}

TEST(Result, HoldsAValueOrAFailure) {
  const result<int> good = 7;
  const result<int> bad = failure{errc::no_space, "full"};
  EXPECT_EQ(*good, 7);
  EXPECT_EQ(bad.error().code, errc::no_space);
  EXPECT_DEATH((void)*bad, "contract failed");
}

}  // namespace
}  // namespace ballast
