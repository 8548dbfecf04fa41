// The highest rate wins, but not for a difference that no disk would show.
#include "tools/bench/best_setting.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ballast::tools {
namespace {

constexpr bytes mib{1u << 20};
constexpr disk_setting small{{mib, 4}, io_backend::uring};
constexpr disk_setting large{{mib * 4, 16}, io_backend::uring};
constexpr disk_setting threads{{mib * 4, 8}, io_backend::posix};

constexpr disk_setting ways[] = {large, small, threads};

TEST(BestSetting, IsTheFastest) {
  EXPECT_EQ(best_of(ways, std::vector{2.0, 1.0, 1.9}), large);
  EXPECT_EQ(best_of(ways, std::vector{1.0, 1.5, 2.0}), threads);
}

TEST(BestSetting, AmongEqualsItHasTheLeastUnderWay) {
  EXPECT_EQ(best_of(ways, std::vector{1.000, 0.970, 0.981}), threads);
  EXPECT_EQ(best_of(ways, std::vector{1.000, 0.981, 0.981}), small);
}

TEST(BestSetting, IsSavedUnderTheNamesOfTheOptions) {
  EXPECT_EQ(config_of(threads).dump(), R"({"io":"posix","io-request":4194304,"io-depth":8})");
}

}  // namespace
}  // namespace ballast::tools
