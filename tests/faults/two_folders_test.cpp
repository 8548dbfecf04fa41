// A write that one of two folders does not take goes to the other, whichever write it is: the result is
// the same, and it is said once.
#include <algorithm>
#include <cerrno>

#include "tests/faults/tiny_rig.hpp"

namespace ballast::faults {
namespace {

struct two_folders : tiny_rig {
  two_folders() {
    for (const auto& each : folders) std::filesystem::create_directory(each);
  }
  ~two_folders() override {
    clear();
    for (const auto& each : folders) std::filesystem::remove(each);
  }

  void clear() {
    std::filesystem::remove_all(checkpoints);
    for (const auto& each : folders) {
      for (const auto& run : std::filesystem::directory_iterator(each)) {
        std::filesystem::remove_all(run);
      }
    }
  }

  tiny_outcome run_on_both(const std::string& name, fault_script& script) {
    auto with = prepare(encoding::int8, script);
    with.rest = rest_;
    with.activation = activation_;
    with.folders = folders;
    return watched(name, script, false, [&] { return run_tiny(with); });
  }

  /// A run that saves after every fifth step.
  tiny_options saving(fault_script& script) {
    clear();
    auto with = prepare(encoding::int8, script);
    with.rest = rest_;
    with.activation = activation_;
    with.folders = folders;
    with.checkpoints = checkpoints;
    with.save_every = save_every;
    return with;
  }

  /// The same disk without faults: what was saved last is there.
  void expect_loads_newest(tiny_options with, const tiny_outcome& of, const tiny_outcome& calm) {
    const auto newest = std::ranges::find_if(of.saves.rbegin(), of.saves.rend(),
                                             [](const auto& each) { return bool(each.outcome); });
    fault_script healthy;
    with.open = faulty(healthy, *disk_);
    const auto loaded = watched("resumed", healthy, false, [&] { return load_tiny(with); });
    if (newest == of.saves.rend()) {
      ASSERT_TRUE(loaded.problem);
      EXPECT_EQ(loaded.problem->code, errc::invalid_argument) << loaded.problem->message;
      return;
    }
    ASSERT_FALSE(loaded.problem) << loaded.problem->message;
    EXPECT_TRUE(loaded.state == calm.saves.at(newest->step / save_every - 1).state)
        << "a silent difference";
  }

  /// Of the folder that takes no writes any more, and of the room that is missing.
  void expect_says_what_is_missing(const failure& problem) const {
    EXPECT_TRUE(problem.code == errc::no_space || problem.code == errc::io_failure);
    EXPECT_NE(problem.message.find(folders[1]), std::string::npos) << problem.message;
    EXPECT_NE(problem.message.find(" are missing"), std::string::npos) << problem.message;
    EXPECT_NE(problem.message.find("1 of 2 folders"), std::string::npos) << problem.message;
  }

  static constexpr std::uint64_t save_every = 5;
  static constexpr std::size_t never = ~std::size_t{0};
  /// Two pages a layer: more than the other folder's share and spare hold.
  static constexpr std::size_t long_activation = 69'000;
  resting rest_ = state_alone;
  std::size_t activation_ = tiny_options::usual_activation;
  const std::vector<std::string> folders{folder_.path() + "/one", folder_.path() + "/two"};
  const std::string checkpoints = folder_.path() + "/checkpoints";
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

TEST_F(two_folders, one_that_stops_for_good_ends_identical_or_in_a_typed_error) {
  activation_ = long_activation;
  int identical = 0;
  int failed = 0;
  for (const resting& rest : {state_alone, weights_too, everything}) {
    rest_ = rest;
    fault_script counted;
    counted.from(folders[1], nvme::io_op::write, never, error(EIO));
    const auto calm = run_on_both("calm", counted);
    ASSERT_FALSE(calm.problem) << calm.problem->message;
    ASSERT_GT(counted.seen_in_folder(), 30u);
    for (std::size_t n = 0; n < counted.seen_in_folder(); ++n) {
      SCOPED_TRACE("from write " + std::to_string(n));
      fault_script script;
      script.from(folders[1], nvme::io_op::write, n, error(EIO));
      const auto outcome = run_on_both("from write " + std::to_string(n), script);
      ++(outcome.problem ? failed : identical);
      EXPECT_TRUE(outcome.repeated);
      if (outcome.problem) expect_says_what_is_missing(*outcome.problem);
      // Of this model without gradients the other folder's share and spare hold all.
      EXPECT_TRUE(!outcome.problem || rest == everything);
      EXPECT_TRUE(outcome.problem || outcome.state == calm.state) << "a silent difference";
    }
  }
  std::printf("a folder stops for good: %d identical, %d with a typed error\n", identical, failed);
  EXPECT_GT(identical, 100);
  EXPECT_GT(failed, 10);
}

TEST_F(two_folders, one_that_stops_for_good_costs_nothing_that_was_saved) {
  activation_ = long_activation;
  int identical = 0;
  int failed = 0;
  for (const resting& rest : {state_alone, weights_too, everything}) {
    rest_ = rest;
    fault_script counted;
    counted.from(folders[1], nvme::io_op::write, never, error(EIO));
    const auto plain = saving(counted);
    const auto calm = watched("calm", counted, false, [&] { return run_tiny(plain); });
    ASSERT_FALSE(calm.problem) << calm.problem->message;
    const std::size_t step = rest == state_alone ? 2 : 5;
    for (std::size_t n = 0; n < counted.seen_in_folder(); n += step) {
      SCOPED_TRACE("from write " + std::to_string(n));
      fault_script script;
      script.from(folders[1], nvme::io_op::write, n, error(EIO));
      const auto with = saving(script);
      const auto outcome = watched("stops", script, false, [&] { return run_tiny(with); });
      ++(outcome.problem ? failed : identical);
      EXPECT_TRUE(outcome.repeated);
      if (outcome.problem) expect_says_what_is_missing(*outcome.problem);
      EXPECT_TRUE(outcome.problem || outcome.state == calm.state) << "a silent difference";
      expect_loads_newest(with, outcome, calm);
    }
  }
  std::printf("with checkpoints: %d identical, %d with a typed error\n", identical, failed);
  EXPECT_GT(identical, 5);
  EXPECT_GT(failed, 10);
}

TEST_F(two_folders, a_load_writes_to_the_other_what_one_refuses) {
  int cases = 0;
  for (const resting& rest : {state_alone, weights_too, everything}) {
    rest_ = rest;
    fault_script nothing_planned;
    auto with = saving(nothing_planned);
    with.steps = save_every;
    const auto saved = watched("saved", nothing_planned, false, [&] { return run_tiny(with); });
    ASSERT_EQ(saved.saves.size(), 1u);
    // Of its writes the first ones are the initial state's: those of the load come after them.
    fault_script calm;
    with.open = faulty(calm, *disk_);
    ASSERT_FALSE(watched("calm", calm, false, [&] { return load_tiny(with); }).problem);
    for (std::size_t n = 0; n < calm.seen(nvme::io_op::write); ++n, ++cases) {
      SCOPED_TRACE("write " + std::to_string(n));
      fault_script script;
      script.plan(nvme::io_op::write, n, error(n % 2 == 0 ? EIO : ENOSPC));
      with.open = faulty(script, *disk_);
      notes_.emplace();
      with.notes = notes_->sink();
      const auto loaded = watched("loaded", script, false, [&] { return load_tiny(with); });
      ASSERT_FALSE(loaded.problem) << loaded.problem->message;
      EXPECT_TRUE(loaded.state == saved.saves[0].state) << "a silent difference";
      ASSERT_EQ(notes_->lines().size(), 1u);
      EXPECT_NE(notes_->lines()[0].find("the folder gets no further tiles"), std::string::npos)
          << notes_->lines()[0];
    }
  }
  std::printf("%d writes of a load refused and written elsewhere\n", cases);
  EXPECT_GT(cases, 20);
}

}  // namespace
}  // namespace ballast::faults
