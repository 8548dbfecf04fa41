#include "tools/trace/lanes.hpp"

#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

time_point at(int ns) { return time_point(nanoseconds(ns)); }

TEST(Lanes, take_the_first_that_is_free) {
  lanes rows;
  EXPECT_EQ(rows.take(at(0), at(10)), 0u);
  EXPECT_EQ(rows.take(at(5), at(20)), 1u);
  EXPECT_EQ(rows.take(at(10), at(30)), 0u) << "one may begin when another ends";
  EXPECT_EQ(rows.take(at(15), at(16)), 2u);
  EXPECT_EQ(rows.take(at(25), at(26)), 1u);
}

}  // namespace
}  // namespace ballast::tools
