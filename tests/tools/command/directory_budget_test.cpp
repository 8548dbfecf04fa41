// A folder, with or without a size behind the last colon.
#include "tools/command/directory_budget.hpp"

#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

using namespace literals;

TEST(DirectoryBudget, SplitsAtTheLastColon) {
  const auto sized = parse_directory_budget("/data/run:1.5GiB");
  ASSERT_TRUE(sized);
  EXPECT_EQ(sized->directory, "/data/run");
  EXPECT_EQ(sized->size, 1536_MiB);
  EXPECT_EQ(parse_directory_budget("a:b:2K")->directory, "a:b");
}

TEST(DirectoryBudget, AFolderAloneHasNoSize) {
  EXPECT_EQ(parse_directory_budget("/data")->size, std::nullopt);
  const auto colon_inside = parse_directory_budget("/data/a:b/c");
  ASSERT_TRUE(colon_inside);
  EXPECT_EQ(colon_inside->directory, "/data/a:b/c");
  EXPECT_EQ(colon_inside->size, std::nullopt);
}

TEST(DirectoryBudget, RefusesNoFolderAndNoSize) {
  EXPECT_FALSE(parse_directory_budget(""));
  EXPECT_FALSE(parse_directory_budget(":1GiB"));
  EXPECT_FALSE(parse_directory_budget("/data:"));
  EXPECT_EQ(parse_directory_budget("/data:12XB").error().code, errc::invalid_argument);
}

}  // namespace
}  // namespace ballast::tools
