// The dynamic loss scale: when it halves, when it doubles, what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/loss_scale.hpp>
#include <limits>

namespace ballast {
namespace {

TEST(LossScale, HalvesOnASkippedStepThoughNotBelowOne) {
  loss_scale scale = *loss_scale::make({.initial = 4});
  for (const double expected : {2.0, 1.0, 1.0}) {
    scale.update(true);
    EXPECT_EQ(scale.value(), expected);
  }
}

TEST(LossScale, DoublesAfterSoManyGoodStepsInARow) {
  loss_scale scale = *loss_scale::make({.initial = 8, .growth_interval = 3});
  std::vector<double> seen;
  for (const bool skipped : {false, false, true, false, false, false, false, false, false}) {
    scale.update(skipped);
    seen.push_back(scale.value());
  }
  EXPECT_THAT(seen, testing::ElementsAre(8, 8, 4, 4, 4, 8, 8, 8, 16));
}

TEST(LossScale, BeginsAtTwoToThe16AndDoublesAfter2000) {
  loss_scale scale = *loss_scale::make({});
  EXPECT_EQ(scale.value(), 65536);
  for (int step = 0; step < 1999; ++step) scale.update(false);
  EXPECT_EQ(scale.value(), 65536);
  scale.update(false);
  EXPECT_EQ(scale.value(), 131072);
}

TEST(LossScale, EndsSomewhere) {
  loss_scale scale = *loss_scale::make({.initial = largest_loss_scale, .growth_interval = 1});
  scale.update(false);
  EXPECT_EQ(scale.value(), largest_loss_scale);
}

TEST(LossScale, GoesOnFromASavedState) {
  const loss_scale_options options{.initial = 1024, .growth_interval = 5};
  loss_scale one = *loss_scale::make(options);
  for (const bool skipped : {true, false, false, false}) one.update(skipped);
  loss_scale two = *loss_scale::make(options);
  ASSERT_TRUE(two.restore(one.saved()));
  for (int step = 0; step < 12; ++step) {
    one.update(step == 9);
    two.update(step == 9);
    EXPECT_EQ(one.saved(), two.saved()) << step;
  }
  EXPECT_EQ(two.restore({3, 0}).error().code, errc::invalid_argument);
}

TEST(LossScale, RefusesWhatIsNoPowerOfTwo) {
  for (const double bad :
       {0.0, 0.5, 3.0, -2.0, 2 * largest_loss_scale, std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(loss_scale::make({.initial = bad}).error().code, errc::invalid_argument) << bad;
  }
  EXPECT_EQ(loss_scale::make({.growth_interval = 0}).error().code, errc::invalid_argument);
}

}  // namespace
}  // namespace ballast
