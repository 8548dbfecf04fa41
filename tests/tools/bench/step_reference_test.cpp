// The plain loop's steps are the reference's, and a wrong one is noticed.
#include "tools/bench/step_reference.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tools/bench/loop_arm.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

class StepReference : public testing::TestWithParam<encoding> {
 protected:
  StepReference() { std::filesystem::create_directories(folder_); }
  ~StepReference() override { std::filesystem::remove_all(folder_); }

  engine_config config(io_backend io) const {
    engine_config made{.nvme = {{folder_}, {folder_}}};
    made.tile_elements = {32'768};
    made.io = io;
    made.io_request = 64_KiB;
    made.io_depth = 3;
    return made;
  }

  /// One a test: they run at once.
  const std::string folder_ =
      testing::TempDir() + "step_reference_" + std::to_string(static_cast<int>(GetParam()));
  const synthetic_training training_{GetParam(), {300'000}};
};

TEST_P(StepReference, IsWhatThePlainLoopDoes) {
  for (const io_backend io : {io_backend::automatic, io_backend::posix}) {
    auto reference = *step_reference::make(training_);
    auto loop = loop_arm::make(training_, config(io));
    ASSERT_TRUE(loop) << loop.error().message;
    for (int step = 0; step < 5; ++step) {
      ASSERT_TRUE(reference.compare(**loop)) << "after " << step << " steps";
      reference.step();
      EXPECT_EQ(reference.compare(**loop).error().code, errc::corrupted);
      const auto taken = (*loop)->step();
      ASSERT_TRUE(taken) << taken.error().message;
      EXPECT_GE(taken->moved, training_.arrays().state(training_.count()) * 2);
    }
    reference.flip();
    EXPECT_EQ(reference.compare(**loop).error().code, errc::corrupted);
  }
}

INSTANTIATE_TEST_SUITE_P(Encodings, StepReference,
                         testing::Values(encoding::fp32, encoding::exact, encoding::fp16,
                                         encoding::bf16, encoding::int8),
                         [](const auto& each) { return std::string(to_string(each.param)); });

}  // namespace
}  // namespace ballast::tools
