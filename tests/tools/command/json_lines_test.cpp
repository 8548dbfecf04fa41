// One object a line, on disk as soon as it is written, and errors that are reported.
#include "tools/command/json_lines.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

namespace ballast::tools {
namespace {

std::string content_of(const std::string& file) {
  std::ifstream input(file);
  return {std::istreambuf_iterator<char>(input), {}};
}

TEST(JsonLines, WritesOneObjectALineAtOnce) {
  const std::string file = testing::TempDir() + "json_lines_test.jsonl";
  auto log = json_lines::open(file);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write({{"step", 1}, {"loss", 5.5}, {"lr", 0.001}}));
  EXPECT_EQ(content_of(file), "{\"step\":1,\"loss\":5.5,\"lr\":0.001}\n");
  ASSERT_TRUE(log->write({{"step", 2}}));
  EXPECT_EQ(content_of(file), "{\"step\":1,\"loss\":5.5,\"lr\":0.001}\n{\"step\":2}\n");
  std::filesystem::remove(file);
}

TEST(JsonLines, WhatJsonHasNotIsNullAndBadTextIsReplaced) {
  const std::string file = testing::TempDir() + "json_lines_null_test.jsonl";
  auto log = json_lines::open(file);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write({{"loss", std::nan("")},
                          {"norm", std::numeric_limits<double>::infinity()},
                          {"sample", "a\nb\xFF"}}));
  EXPECT_EQ(content_of(file), "{\"loss\":null,\"norm\":null,\"sample\":\"a\\nb\xEF\xBF\xBD\"}\n");
  std::filesystem::remove(file);
}

TEST(JsonLines, AFileThatCannotBeWrittenIsReported) {
  EXPECT_EQ(json_lines::open("/no-such-folder/log.jsonl").error().code, errc::invalid_argument);
  auto full = json_lines::open("/dev/full");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->write({{"step", 1}}).error().code, errc::no_space);
}

}  // namespace
}  // namespace ballast::tools
