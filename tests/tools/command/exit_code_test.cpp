// The documented exit codes, and which failure gets which.
#include "tools/command/exit_code.hpp"

#include <gtest/gtest.h>

namespace ballast::tools {
namespace {

exit_code code_of(errc code, stage when) { return exit_code_of({code, "x"}, when); }

TEST(ExitCode, NumbersAreTheDocumentedOnes) {
  EXPECT_EQ(static_cast<int>(exit_code::done), 0);
  EXPECT_EQ(static_cast<int>(exit_code::failed), 1);
  EXPECT_EQ(static_cast<int>(exit_code::usage), 2);
  EXPECT_EQ(static_cast<int>(exit_code::does_not_fit), 3);
  EXPECT_EQ(static_cast<int>(exit_code::verification_failed), 4);
}

TEST(ExitCode, BadInputIsUsageAndShortBudgetsDoNotFit) {
  for (const stage when : {stage::set_up, stage::running}) {
    EXPECT_EQ(code_of(errc::invalid_argument, when), exit_code::usage);
    EXPECT_EQ(code_of(errc::unsupported, when), exit_code::usage);
    EXPECT_EQ(code_of(errc::does_not_fit, when), exit_code::does_not_fit);
    EXPECT_EQ(code_of(errc::corrupted, when), exit_code::failed);
    EXPECT_EQ(code_of(errc::deadline_exceeded, when), exit_code::failed);
  }
}

TEST(ExitCode, AnUnusablePathIsUsageBeforeTheFirstStepAndAFailureLater) {
  EXPECT_EQ(code_of(errc::io_failure, stage::set_up), exit_code::usage);
  EXPECT_EQ(code_of(errc::no_space, stage::set_up), exit_code::does_not_fit);
  EXPECT_EQ(code_of(errc::io_failure, stage::running), exit_code::failed);
  EXPECT_EQ(code_of(errc::no_space, stage::running), exit_code::failed);
}

}  // namespace
}  // namespace ballast::tools
