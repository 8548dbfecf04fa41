// Runs under many faults at once, on a disk that is slow, rots and errs by itself, as seeds draw them.
#include <cerrno>

#include "tests/faults/tiny_rig.hpp"

namespace ballast::faults {
namespace {

constexpr sim_options slow{.latency = std::chrono::microseconds(100)};

struct drawn_faults : tiny_rig {
  const tiny_outcome& calm() {
    if (calm_.state.empty()) {
      fault_script nothing_planned;
      calm_ = run("calm", encoding::int8, nothing_planned, slow);
      EXPECT_FALSE(calm_.problem);
    }
    return calm_;
  }

 private:
  tiny_outcome calm_;
};

TEST_F(drawn_faults, what_can_be_mended_is_never_seen) {
  std::size_t struck = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    fault_script script;
    script.draw(seed, 3,
                {error(EINTR), error(EAGAIN), shortened(512), shortened(5000), reorder(),
                 delay(std::chrono::microseconds(200))});
    const auto outcome = run("seed " + std::to_string(seed), encoding::int8, script, slow);
    ASSERT_FALSE(outcome.problem) << outcome.problem->message;
    ASSERT_TRUE(outcome.state == calm().state) << "a silent difference";
    struck += script.struck();
  }
  std::printf("60 runs, %zu faults, all identical\n", struck);
  EXPECT_GT(struck, 60u * 50u);
}

TEST_F(drawn_faults, damage_is_found_or_did_nothing) {
  int identical = 0;
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    fault_script script;
    script.draw(seed, 150,
                {error(EIO), error(ENOSPC), nothing(), flip(0), torn(512), torn(4096), lost_write(),
                 misdirected(), stale_read()});
    sim_options bad = slow;
    bad.seed = seed;
    bad.misdirect_one_in = bad.rot_one_in = 500;
    const auto outcome = run("seed " + std::to_string(seed), encoding::int8, script, bad);
    if (outcome.problem) {
      ++failed;
      const errc code = outcome.problem->code;
      EXPECT_TRUE(outcome.repeated);
      EXPECT_TRUE(code == errc::corrupted || code == errc::io_failure || code == errc::no_space)
          << outcome.problem->message;
    } else {
      ++identical;
      ASSERT_TRUE(outcome.state == calm().state) << "a silent difference";
    }
  }
  std::printf("120 runs, %d identical, %d with a typed error\n", identical, failed);
  EXPECT_GT(failed, 40);
  EXPECT_GT(identical, 5);
}

}  // namespace
}  // namespace ballast::faults
