// Slips are recognised, other words are not.
#include "tools/command/nearest_match.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ballast::tools {
namespace {

TEST(EditDistance, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("stpes", "steps"), 1u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
}

TEST(NearestMatch, IsTheLeastDistanceWithinASlip) {
  const std::vector<std::string> names{"steps", "seed", "device-memory", "host-memory"};
  EXPECT_EQ(nearest_match("step", names), "steps");
  EXPECT_EQ(nearest_match("sede", names), "seed");
  EXPECT_EQ(nearest_match("devic-memmory", names), "device-memory");
  EXPECT_EQ(nearest_match("host_memory", names), "host-memory");
  EXPECT_EQ(nearest_match("temperature", names), std::nullopt);
  EXPECT_EQ(nearest_match("steps", {}), std::nullopt);
}

TEST(NearestMatch, IsPutIntoWords) {
  const std::vector<std::string> names{"steps"};
  EXPECT_EQ(did_you_mean("step", names, "--"), "; did you mean '--steps'?");
  EXPECT_EQ(did_you_mean("vocabulary", names, "--"), "");
}

}  // namespace
}  // namespace ballast::tools
