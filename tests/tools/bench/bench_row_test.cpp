// A row's JSON: rates of the bytes and seconds it was made from, nothing where there is no limit.
#include "tools/bench/bench_row.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

TEST(BenchRow, RatesAreDecimalGigabytesASecond) {
  EXPECT_THAT(rates({3'000'000'000}, {1.0, 2.0}), testing::ElementsAre(3.0, 1.5));
}

TEST(BenchRow, AbsentLimitsAreNull) {
  const auto json = bench_row{.name = "copy", .params = {{"size", 1}}, .values = {2, 1, 3}}.json();
  EXPECT_EQ(json["median"], 2.0);
  EXPECT_EQ(json["n"], 3);
  EXPECT_TRUE(json["limit"].is_null());
  EXPECT_TRUE(json["efficiency"].is_null());
  EXPECT_EQ(json["verified"], false);
}

TEST(BenchRow, LimitAndFurtherNumbersStandBesideIt) {
  const auto json = bench_row{
      .name = "update",
      .params = {},
      .values = {1},
      .moved = {28},
      .limit = bench_row::limit_value{"plain", 2.0},
      .efficiency = 0.5,
      .verified = true,
      .more = {{"seconds",
                4.0}}}.json();
  EXPECT_EQ(json["limit"]["name"], "plain");
  EXPECT_EQ(json["limit"]["value"], 2.0);
  EXPECT_EQ(json["efficiency"], 0.5);
  EXPECT_EQ(json["bytes"], 28);
  EXPECT_EQ(json["seconds"], 4.0);
}

}  // namespace
}  // namespace ballast::tools
