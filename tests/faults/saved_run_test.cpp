// Tiny runs that save checkpoints on a simulated disk whose power is cut: what was said to be saved is
// there, bit by bit, whatever the disk did to the rest.
#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/faults/tiny_rig.hpp"

namespace ballast::faults {
namespace {

constexpr std::uint64_t save_every = 5;

struct saved_run : tiny_rig {
  ~saved_run() override { clear(); }

  void clear() {
    for (const auto& each : std::filesystem::directory_iterator(folder_.path())) {
      std::filesystem::remove_all(each);
    }
  }

  /// A run that ends after `steps`, then a power cut, then another process.
  struct two_lives {
    tiny_outcome before;
    tiny_outcome after;
    std::size_t lost = 0;  ///< sectors
  };

  two_lives run_and_resume(const std::string& name, fault_script& script, std::uint64_t steps,
                           std::uint64_t seed, bool expects_hang = false, bool save_again = false) {
    clear();
    auto with = prepare(encoding::int8, script);
    with.steps = steps;
    with.rest = rest_;
    with.io = io_;
    with.checkpoints = folder_.path() + "/checkpoints";
    with.save_every = save_every;
    with.save_again = save_again;
    two_lives both;
    both.before = watched(name, script, expects_hang, [&] { return run_tiny(with); });
    both.lost = disk_->power_cut(seed);
    fault_script healthy;
    with.open = faulty(healthy, *disk_);
    both.after = watched(name + ", resumed", healthy, false, [&] { return load_tiny(with); });
    return both;
  }

  // Of the next run.
  resting rest_ = state_alone;
  io_backend io_ = io_backend::automatic;

  /// The newest save that succeeded is what is loaded, with the state that a calm run had there.
  void expect_loads_newest(const two_lives& both) {
    if (calm_.saves.empty()) {
      fault_script nothing_planned;
      calm_ = run_and_resume("calm", nothing_planned, 20, 0).before;
    }
    std::optional<std::uint64_t> newest;
    for (const tiny_save& each : both.before.saves) {
      if (each.outcome) newest = each.step;
    }
    if (!newest) {
      ASSERT_TRUE(both.after.problem);
      EXPECT_EQ(both.after.problem->code, errc::invalid_argument) << both.after.problem->message;
      return;
    }
    ASSERT_FALSE(both.after.problem) << both.after.problem->message;
    EXPECT_TRUE(both.after.state == calm_.saves.at(*newest / save_every - 1).state)
        << "a silent difference";
  }

 private:
  tiny_outcome calm_;
};

TEST_F(saved_run, loses_nothing_that_was_saved_when_the_power_is_cut) {
  std::size_t lost = 0;
  for (std::uint64_t steps = 1; steps <= 20; ++steps) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      SCOPED_TRACE("after step " + std::to_string(steps) + ", seed " + std::to_string(seed));
      fault_script script;
      rest_ = std::array{state_alone, weights_too, everything}[seed];
      io_ = steps % 2 == 0 ? io_backend::automatic : io_backend::inlined;
      const auto both = run_and_resume("power cut", script, steps, seed);
      ASSERT_FALSE(both.before.problem) << both.before.problem->message;
      EXPECT_EQ(both.before.saves.size(), steps / save_every);
      for (const auto& each : both.before.saves) EXPECT_TRUE(each.outcome);
      expect_loads_newest(both);
      lost += both.lost;
    }
  }
  std::printf("60 power cuts, %zu sectors lost\n", lost);
  EXPECT_GT(lost, 1000u) << "the cuts cut something";
}

TEST_F(saved_run, loses_nothing_that_was_saved_when_the_disk_dies_at_any_request) {
  fault_script whole;
  (void)run_and_resume("calm", whole, 20, 0);
  std::array<int, 5> by_saves{};
  for (std::size_t n = 10; n < whole.seen(); n += 11) {
    SCOPED_TRACE("request " + std::to_string(n));
    fault_script dying;
    dying.from(n, error(EIO));
    const auto both = run_and_resume("dying disk", dying, 20, n);
    EXPECT_TRUE(both.before.problem || !both.before.saves.back().outcome);
    EXPECT_TRUE(both.before.repeated);
    expect_loads_newest(both);
    ++by_saves[static_cast<std::size_t>(std::ranges::count_if(
        both.before.saves, [](const auto& each) { return bool(each.outcome); }))];
  }
  std::printf("deaths after 0 to 4 saves: %d %d %d %d %d\n", by_saves[0], by_saves[1], by_saves[2],
              by_saves[3], by_saves[4]);
}

TEST_F(saved_run, a_failed_sync_is_a_failed_save_and_nothing_else) {
  fault_script script;
  const auto calm = run_and_resume("calm", script, 20, 0);
  const std::size_t syncs = script.seen(nvme::io_op::sync);
  ASSERT_EQ(syncs, 8u) << "of four saves, one of the file and one of the segment";
  for (std::size_t n = 0; n < syncs; ++n) {
    SCOPED_TRACE("sync " + std::to_string(n));
    fault_script failing;
    failing.plan(nvme::io_op::sync, n, failed_sync());
    const auto both = run_and_resume("failed sync", failing, 20, n);
    ASSERT_FALSE(both.before.problem) << both.before.problem->message;
    EXPECT_TRUE(both.before.state == calm.before.state) << "a failed save changes nothing";
    ASSERT_EQ(both.before.saves.size(), 4u);
    const tiny_save& failed = both.before.saves[n / 2];
    ASSERT_FALSE(failed.outcome) << "the sync failed, the save did not";
    EXPECT_EQ(failed.outcome.error().code, errc::io_failure);
    EXPECT_EQ(failed.outcome.error().message.rfind("sync of " + folder_.path(), 0), 0u)
        << failed.outcome.error().message;
    expect_loads_newest(both);
  }
}

TEST_F(saved_run, no_second_save_succeeds_where_a_sync_has_lost_the_bytes) {
  for (std::size_t n = 0; n < 8; ++n) {
    SCOPED_TRACE("sync " + std::to_string(n));
    fault_script failing;
    failing.plan(nvme::io_op::sync, n, failed_sync());
    const auto both = run_and_resume("failed sync", failing, 20, n, false, true);
    ASSERT_FALSE(both.before.problem) << both.before.problem->message;
    ASSERT_GT(both.before.saves.size(), n / 2 + 1);
    EXPECT_FALSE(both.before.saves[n / 2].outcome);
    // The file of a save is written anew; what lies in the segments is not.
    EXPECT_EQ(both.before.saves[n / 2 + 1].outcome.has_value(), n % 2 == 0);
    expect_loads_newest(both);
  }
}

TEST_F(saved_run, a_sync_may_take_long_or_be_interrupted) {
  for (std::size_t n = 0; n < 8; ++n) {
    for (const fault& each : {error(EINTR), delay(std::chrono::milliseconds(5)), hang()}) {
      fault_script script;
      script.plan(nvme::io_op::sync, n, each);
      const auto both = run_and_resume("slow sync", script, 20, n, each.what == fault_kind::hang);
      ASSERT_FALSE(both.before.problem) << both.before.problem->message;
      EXPECT_EQ(script.struck(), 1u);
      for (const auto& save : both.before.saves) EXPECT_TRUE(save.outcome);
      expect_loads_newest(both);
    }
  }
}

TEST_F(saved_run, what_goes_wrong_with_a_saves_own_bytes_costs_that_save_alone) {
  fault_script script;
  const auto calm = run_and_resume("calm", script, 20, 0);
  const std::size_t writes = script.seen(nvme::io_op::write);
  int failed = 0;
  int cases = 0;
  for (std::size_t n = 0; n < writes; n += 5, ++cases) {
    SCOPED_TRACE("write " + std::to_string(n));
    fault_script failing;
    failing.plan(nvme::io_op::write, n, error(n % 2 == 0 ? EIO : ENOSPC));
    const auto both = run_and_resume("failed write", failing, 20, n);
    std::size_t refused = 0;
    for (const auto& each : both.before.saves) refused += each.outcome ? 0 : 1;
    EXPECT_EQ(refused + (both.before.problem ? 1 : 0), 1u);
    EXPECT_TRUE(both.before.problem || both.before.state == calm.before.state);
    failed += refused > 0 ? 1 : 0;
    expect_loads_newest(both);
  }
  std::printf("%d failed writes, %d of them of a save\n", cases, failed);
  EXPECT_GT(failed, 2);
}

}  // namespace
}  // namespace ballast::faults
