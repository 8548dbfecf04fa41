// Arms take turns; what is said of them comes from what they measured themselves.
#include "tools/bench/io_race.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

using testing::ElementsAre;

class told_arm final : public io_arm {
 public:
  explicit told_arm(std::vector<result<io_sample>> samples) : samples_(std::move(samples)) {}

  std::string_view name() const override { return "told"; }
  std::string description() const override { return ""; }
  result<io_sample> run(scrutiny) override { return samples_.at(passes++); }

  std::size_t passes = 0;

 private:
  std::vector<result<io_sample>> samples_;
};

constexpr bytes gib{1u << 30};

TEST(IoRace, SeriesAreWhatTheArmsSay) {
  told_arm one({io_sample{gib * 2, 2.0, 0.5, 0.1}, io_sample{gib * 2, 1.0, 0.3, 0.1}});
  told_arm other({io_sample{{4'000'000'000}, 1.0}, io_sample{{4'000'000'000}, 2.0}});
  const std::vector<io_arm*> arms = {&one, &other};
  const auto taken = race(arms, 2);
  ASSERT_TRUE(taken);
  EXPECT_THAT(taken->at(1).rates(), ElementsAre(4.0, 2.0));
  EXPECT_THAT(taken->at(0).cpu(), ElementsAre(testing::DoubleEq(0.2), testing::DoubleEq(0.1)));
  EXPECT_THAT(taken->at(0).checks(), ElementsAre(0.05, 0.05));
}

TEST(IoRace, TheFirstFailureEndsIt) {
  told_arm good({io_sample{gib, 1.0}, io_sample{gib, 1.0}});
  told_arm bad({failure{errc::corrupted, "wrong"}, io_sample{gib, 1.0}});
  const std::vector<io_arm*> arms = {&good, &bad};
  EXPECT_EQ(race(arms, 2).error().code, errc::corrupted);
  EXPECT_EQ(good.passes + bad.passes, 2u);
}

}  // namespace
}  // namespace ballast::tools
