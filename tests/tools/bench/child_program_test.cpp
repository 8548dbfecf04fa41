// What a program wrote and how it ended, however it ended.
#include "tools/bench/child_program.hpp"

#include <gtest/gtest.h>

#include <array>

namespace ballast::tools {
namespace {

result<program_end> shell(const std::string& text) {
  const std::array<std::string, 3> words = {"sh", "-c", text};
  const std::array<std::string, 1> settings = {"BALLAST_TOLD=this"};
  return run_program(words, settings);
}

TEST(ChildProgram, OutputAndErrorsComeBackWithTheStatus) {
  const auto end = shell("echo $BALLAST_TOLD; echo that >&2; cat; exit 3");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output, "this\nthat\n");
  EXPECT_EQ(end->code, 3);
}

TEST(ChildProgram, MuchOutputIsAllOfIt) {
  const auto end = shell("head -c 1000000 /dev/zero");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output.size(), 1'000'000u);
  EXPECT_EQ(end->code, 0);
}

TEST(ChildProgram, ASignalIsAStatusToo) { EXPECT_EQ(shell("kill -9 $$")->code, 128 + 9); }

TEST(ChildProgram, ItIsLookedAtWhileItRuns) {
  const std::array<std::string, 2> words = {"sleep", "0.2"};
  pid_t seen = 0;
  ASSERT_TRUE(run_program(words, {}, [&](pid_t child) { seen = child; }));
  EXPECT_GT(seen, 0);
}

TEST(ChildProgram, OneThatIsNotThereIsUnsupported) {
  const std::array<std::string, 1> words = {"ballast-no-such-program"};
  EXPECT_EQ(run_program(words).error().code, errc::unsupported);
}

}  // namespace
}  // namespace ballast::tools
