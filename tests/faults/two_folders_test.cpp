// A write that one of two folders does not take goes to the other, whichever write it is: the result is
// the same, and it is said once.
#include <cerrno>

#include "tests/faults/tiny_rig.hpp"

namespace ballast::faults {
namespace {

struct two_folders : tiny_rig {
  two_folders() {
    for (const auto& each : folders) std::filesystem::create_directory(each);
  }
  ~two_folders() override {
    for (const auto& each : folders) std::filesystem::remove(each);
  }

  tiny_outcome run_on_both(const std::string& name, fault_script& script) {
    auto with = prepare(encoding::int8, script);
    with.rest = rest_;
    with.folders = folders;
    return watched(name, script, false, [&] { return run_tiny(with); });
  }

  resting rest_ = state_alone;
  const std::vector<std::string> folders{folder_.path() + "/one", folder_.path() + "/two"};
};

TEST_F(two_folders, one_write_refused_is_written_to_the_other) {
  int cases = 0;
  for (const resting& rest : {state_alone, weights_too, everything}) {
    rest_ = rest;
    fault_script nothing_planned;
    const auto calm = run_on_both("calm", nothing_planned);
    ASSERT_FALSE(calm.problem) << calm.problem->message;
    const std::size_t writes = nothing_planned.seen(nvme::io_op::write);
    for (std::size_t n = 0; n < writes; n += rest == state_alone ? 1 : 3, ++cases) {
      SCOPED_TRACE("write " + std::to_string(n));
      fault_script script;
      script.plan(nvme::io_op::write, n, error(n % 2 == 0 ? EIO : ENOSPC));
      const auto outcome = run_on_both("write " + std::to_string(n), script);
      ASSERT_FALSE(outcome.problem) << outcome.problem->message;
      EXPECT_TRUE(outcome.state == calm.state) << "a silent difference";
      ASSERT_EQ(notes_->lines().size(), 1u);
      EXPECT_NE(notes_->lines()[0].find("the folder gets no further tiles"), std::string::npos)
          << notes_->lines()[0];
    }
  }
  std::printf("%d writes refused, %d written elsewhere\n", cases, cases);
}

TEST_F(two_folders, one_that_takes_no_write_any_more_ends_identical_or_in_a_typed_error) {
  fault_script nothing_planned;
  const auto calm = run_on_both("calm", nothing_planned);
  int identical = 0;
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    fault_script script;
    script.draw(seed, 200, {error(ENOSPC), error(EROFS), torn(512), flip(0)});
    const auto outcome = run_on_both("seed " + std::to_string(seed), script);
    ++(outcome.problem ? failed : identical);
    EXPECT_TRUE(outcome.repeated);
    EXPECT_TRUE(outcome.problem || outcome.state == calm.state) << "a silent difference";
  }
  std::printf("60 runs, %d identical, %d with a typed error\n", identical, failed);
  EXPECT_GT(failed, 5);
  EXPECT_GT(identical, 5);
}

}  // namespace
}  // namespace ballast::faults
