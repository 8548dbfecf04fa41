// Recorded order, eviction and prefetch: pure decisions.
#include "src/slot_policy.hpp"

#include <gtest/gtest.h>

namespace ballast {
namespace {

constexpr layer_id a{0}, b{1}, c{2}, d{3};

access_order recorded(std::initializer_list<layer_id> layers) {
  access_order order;
  for (const layer_id each : layers) {
    order.observe(each);
  }
  order.restart();
  return order;
}

TEST(AccessOrder, IsFollowedOnceRecorded) {
  access_order order = recorded({a, b, c, b});
  EXPECT_EQ(order.upcoming(0), a);
  order.observe(a);
  EXPECT_EQ(order.upcoming(1), c);
  EXPECT_EQ(order.next_use(b), 0u);
  EXPECT_EQ(order.next_use(a), access_order::never);
}

TEST(AccessOrder, IsRecordedAnewWhereItChanges) {
  access_order order = recorded({a, b, c});
  order.observe(a);
  order.observe(d);
  EXPECT_EQ(order.upcoming(0), std::nullopt);
  order.restart();
  EXPECT_EQ(order.upcoming(1), d);
  EXPECT_EQ(order.upcoming(2), std::nullopt);
}

TEST(AccessOrder, ForgetsTheTailOfALongerPass) {
  access_order order = recorded({a, b, c});
  order.observe(a);
  order.restart();
  EXPECT_EQ(order.upcoming(0), a);
  EXPECT_EQ(order.upcoming(1), std::nullopt);
}

TEST(SlotPolicy, EvictsWhatIsUsedLast) {
  access_order order = recorded({a, b, c, b, a});
  slot_policy slots(2);
  const auto use = [&](layer_id layer) {
    order.observe(layer);
    const auto granted = slots.lease(layer, order);
    slots.give_back(granted->slot);
    return granted->present;
  };
  EXPECT_FALSE(use(a));
  EXPECT_FALSE(use(b));
  EXPECT_FALSE(use(c));  // a leaves: it is needed after b
  EXPECT_TRUE(use(b));
  EXPECT_FALSE(use(a));
}

TEST(SlotPolicy, NeverEvictsALease) {
  access_order order;
  slot_policy slots(1);
  const auto held = slots.lease(a, order);
  ASSERT_TRUE(held);
  EXPECT_FALSE(slots.lease(b, order));
  EXPECT_TRUE(slots.lease(a, order)->present);
}

TEST(SlotPolicy, PrefetchesTheNextLayerAndStopsAtAUsefulOne) {
  access_order order = recorded({a, b, c});
  slot_policy slots(2);
  order.observe(a);
  (void)slots.lease(a, order);
  const auto any = [](layer_id) { return true; };
  const auto first = slots.prefetch(order, any);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first, b);
  EXPECT_FALSE(slots.prefetch(order, any));  // c would have to push b out
}

}  // namespace
}  // namespace ballast
