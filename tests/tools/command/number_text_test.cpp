// Plain numbers: all of the text is the number, it is finite, and it keeps its limits.
#include "tools/command/number_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

using testing::HasSubstr;

TEST(WholeNumber, TakesDigitsOnly) {
  EXPECT_EQ(*parse_whole("0"), 0u);
  EXPECT_EQ(*parse_whole("18446744073709551615"), ~std::uint64_t{0});
  for (const char* text : {"", "-1", "+1", "1.5", "1e3", " 1", "1 ", "ten", "0x1", "nan"}) {
    EXPECT_FALSE(parse_whole(text)) << text;
  }
}

TEST(WholeNumber, KeepsItsLimits) {
  EXPECT_EQ(*parse_whole("8", {.least = 1, .most = 8}), 8u);
  EXPECT_EQ(parse_whole("9", {.least = 1, .most = 8}).error().message, "'9' is more than 8");
  EXPECT_EQ(parse_whole("0", {.least = 1, .most = 8}).error().message, "'0' is less than 1");
  EXPECT_THAT(parse_whole("18446744073709551616").error().message, HasSubstr("is more than"));
}

TEST(RealNumber, IsFiniteAndKeepsItsLimits) {
  EXPECT_EQ(*parse_real("1e-3"), 1e-3);
  EXPECT_EQ(*parse_real("0"), 0.0);
  EXPECT_EQ(*parse_real("-0.5", {.least = -1}), -0.5);
  EXPECT_EQ(parse_real("-1").error().message, "'-1' is less than 0");
  EXPECT_EQ(parse_real("2", {.most = 1}).error().message, "'2' is more than 1");
  for (const char* text : {"nan", "NaN", "-nan", "inf", "-inf", "infinity", "1e999", "-1e999"}) {
    EXPECT_THAT(parse_real(text).error().message, HasSubstr("is not a finite number")) << text;
  }
  for (const char* text : {"", "1e", "0.1x", "1,5", " 1", "one"}) {
    EXPECT_THAT(parse_real(text).error().message, HasSubstr("is not a number")) << text;
  }
}

}  // namespace
}  // namespace ballast::tools
