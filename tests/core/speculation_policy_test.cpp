#include "speculation_policy.hpp"

#include <gtest/gtest.h>

namespace ballast {
namespace {

/// Steps until it is allowed again.
int pause_of(speculation_policy& policy) {
  int steps = 0;
  for (; !policy.allowed() && steps < 5000; ++steps) {
    policy.note(false, false);
  }
  return steps;
}

TEST(SpeculationPolicy, forgives_one_roll_back) {
  speculation_policy policy;
  policy.note(true, true);
  EXPECT_TRUE(policy.allowed());
  for (int i = 0; i < 8; ++i) policy.note(true, false);
  policy.note(true, true);
  EXPECT_TRUE(policy.allowed());
}

TEST(SpeculationPolicy, stops_after_two_in_eight_steps_and_tries_again) {
  speculation_policy policy;
  policy.note(true, true);
  for (int i = 0; i < 6; ++i) policy.note(true, false);
  policy.note(true, true);
  EXPECT_FALSE(policy.allowed());
  EXPECT_EQ(pause_of(policy), 32);
}

TEST(SpeculationPolicy, waits_twice_as_long_every_time) {
  speculation_policy policy;
  policy.note(true, true);
  for (int expected : {32, 64, 128, 256, 512, 1024, 1024}) {
    policy.note(true, true);
    EXPECT_EQ(pause_of(policy), expected);
  }
  for (int i = 0; i < 8; ++i) policy.note(true, false);
  policy.note(true, true);
  policy.note(true, true);
  EXPECT_EQ(pause_of(policy), 32) << "eight good steps";
}

}  // namespace
}  // namespace ballast
