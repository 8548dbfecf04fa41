// Works take turns, and what is said of their times is what the times say.
#include "tools/bench/sampling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace ballast::tools {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST(Sampling, WorksTakeTurnsAndEachComesFirst) {
  std::string order;
  const std::vector<work> works{[&] { order += 'a'; }, [&] { order += 'b'; },
                                [&] { order += 'c'; }};
  EXPECT_THAT(interleave(works, 3), ElementsAre(SizeIs(3), SizeIs(3), SizeIs(3)));
  EXPECT_EQ(order, "abcbcacab");
  order.clear();
  EXPECT_THAT(interleave(works, 2, turn_order::fixed), SizeIs(3));
  EXPECT_EQ(order, "abcabc");
}

TEST(Sampling, SeriesAreTheTimesOfTheirOwnWork) {
  const std::vector<work> works{[] {},
                                [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }};
  const std::vector<series> taken = interleave(works, 3);
  for (const double seconds : taken[1]) {
    EXPECT_GE(seconds, 0.002);
  }
  EXPECT_THAT(fastest(works, 3, 1), ElementsAre(0u));
  EXPECT_THAT(fastest(works, 1, 7), SizeIs(2));
}

TEST(Sampling, QuantilesLieBetweenTheNearestValues) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(quantile({5, 1, 9}, 0), 1);
  EXPECT_EQ(quantile({5, 1, 9}, 1), 9);
  EXPECT_DOUBLE_EQ(quantile({0, 10}, 0.05), 0.5);
}

TEST(Sampling, PairsAreOfOneRound) {
  EXPECT_THAT(ratios({2, 9}, {1, 3}), ElementsAre(2, 3));
  EXPECT_THAT(sums({2, 9}, {1, 3}), ElementsAre(3, 12));
}

}  // namespace
}  // namespace ballast::tools
