// Which carrier moves next, with which tile.
#include <gtest/gtest.h>

#include "src/carrier_group.hpp"

namespace ballast {
namespace {

TEST(CarrierGroup, TakesTilesInOrderIntoTheCarrierThatWasLastUsed) {
  std::vector<carrier> carriers(3);
  carrier_group group(carriers, 3);
  group.open();
  for (std::uint32_t i = 0; i < 4; ++i) group.bring({i});
  carrier* const first = group.take();
  carrier* const second = group.take();
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->holds, tile_id{0});
  EXPECT_EQ(second->holds, tile_id{1});
  group.give_back(*first);
  EXPECT_EQ(group.take(), first);
  EXPECT_EQ(first->holds, tile_id{2});
  EXPECT_NE(group.take(), nullptr);
  EXPECT_EQ(group.take(), nullptr) << "all are busy";
  group.give_back(*second);
  EXPECT_EQ(group.take(), nullptr) << "no tile is left";
}

TEST(CarrierGroup, HasNoMoreBusyThanItMay) {
  std::vector<carrier> carriers(4);
  carrier_group group(carriers, 2);
  group.open();
  for (std::uint32_t i = 0; i < 4; ++i) group.bring({i});
  carrier* const first = group.take();
  EXPECT_NE(group.take(), nullptr);
  EXPECT_EQ(group.take(), nullptr);
  group.give_back(*first);
  EXPECT_NE(group.take(), nullptr);
}

/// What leaves the cache makes room for what is to stay there: reads and writes go on side by side.
TEST(CarrierGroup, FillsACarrierBeforeTheNextOneLeaves) {
  std::vector<carrier> carriers(2);
  carriers[0].cached = carriers[1].cached = true;
  carriers[0].holds = {7};
  carriers[1].holds = {8};
  carrier_group group(carriers, 1);
  group.open();
  group.bring({1});
  group.resume(carriers[0]);
  group.resume(carriers[1]);
  EXPECT_EQ(group.take(), &carriers[0]);
  carriers[0].cached = false;
  group.give_back(carriers[0]);
  EXPECT_EQ(group.take(), &carriers[0]);
  EXPECT_EQ(carriers[0].holds, tile_id{1});
  carriers[0].cached = true;
  group.give_back(carriers[0]);
  EXPECT_EQ(group.take(), &carriers[1]);
  EXPECT_EQ(carriers[1].holds, tile_id{8});
  group.give_back(carriers[1]);
  EXPECT_EQ(group.take(), nullptr) << "both hold what stays";
}

TEST(CarrierGroup, ForgetsWhatWasNotTaken) {
  std::vector<carrier> carriers(1);
  carrier_group group(carriers, 1);
  group.open();
  group.bring({1});
  group.close();
  EXPECT_EQ(group.take(), nullptr);
  group.open();
  group.bring({2});
  carrier* const taken = group.take();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->holds, tile_id{2});
}

}  // namespace
}  // namespace ballast
