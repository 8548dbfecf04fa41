// Is every one of the 2^32 patterns rounded to fp16 as the F16C instructions do?
#include <gtest/gtest.h>

#include "tests/cpu/hardware_f16.hpp"

namespace ballast {
namespace {

TEST(narrow_floats_all, round_to_f16_as_the_hardware_does) {
  if (!testing::has_hardware_f16()) GTEST_SKIP() << "this machine has no F16C";
  EXPECT_EQ(testing::count_f16_differences(0, 0xFFFFFFFFu, 1), 0u);
}

}  // namespace
}  // namespace ballast
