// Bandwidths as people write them, one or several, and everything else refused in one line.
#include "tools/command/bandwidth_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

TEST(BandwidthText, IsASizeASecond) {
  EXPECT_EQ(*parse_bandwidth("25GB/s"), 25e9);
  EXPECT_EQ(*parse_bandwidth("1.5GiB/s"), 1.5 * (1 << 30));
  EXPECT_EQ(*parse_bandwidth("3TB"), 3e12);
}

TEST(BandwidthText, RefusesWhatIsNone) {
  for (const char* text : {"", "/s", "fast", "25GB/m", "-1GB/s", "0", "0GB/s"}) {
    EXPECT_FALSE(parse_bandwidth(text)) << text;
  }
}

TEST(BandwidthText, TakesSeveral) {
  EXPECT_EQ(*parse_bandwidths("6GB/s,4GB/s", 2, 3), (std::vector{6e9, 4e9}));
  EXPECT_EQ(*parse_bandwidths("6GB/s,4GB/s,5GB/s", 2, 3), (std::vector{6e9, 4e9, 5e9}));
  for (const char* text : {"6GB/s", "6GB/s,", "1,2,3,4", ",", "6GB/s;4GB/s"}) {
    EXPECT_FALSE(parse_bandwidths(text, 2, 3)) << text;
  }
  EXPECT_THAT(parse_bandwidths("6GB/s", 2, 3).error().message, testing::HasSubstr("6GB/s,4GB/s"));
}

TEST(BandwidthText, IsRoundedToThreeDigits) {
  EXPECT_EQ(rounded_bandwidth(25e9), "25.0 GB/s");
  EXPECT_EQ(rounded_bandwidth(3.941e9), "3.94 GB/s");
  EXPECT_EQ(rounded_bandwidth(112.4e9), "112 GB/s");
}

}  // namespace
}  // namespace ballast::tools
