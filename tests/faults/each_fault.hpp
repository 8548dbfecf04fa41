// Every fault class at every n-th request of a tiny run: bit-identical in the end, or a typed error that
// every later call repeats. Never a silent difference, a hang or something left behind.
//
// To be included by one file of an executable, which says how many of the cases it runs.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "tests/faults/fault_class.hpp"
#include "tests/faults/tiny_rig.hpp"

namespace ballast::faults {

/// When tiles are updated: in step(), or two of them during backward, which two steps undo.
enum class moment : std::uint8_t { step, early };

/// A fault class on a model whose second layer is encoded so, and of which so much rests on NVMe; its
/// tiles move on carriers, or workers bring them.
using each_fault_case = std::tuple<fault_class, encoding, moment, resting, io_backend>;

class each_fault : public tiny_rig, public ::testing::WithParamInterface<each_fault_case> {
 protected:
  struct undisturbed {
    tiny_outcome outcome;
    std::array<std::size_t, 2> requests;  ///< reads, writes
  };

  const fault_class& of() const { return std::get<0>(GetParam()); }
  encoding second() const { return std::get<1>(GetParam()); }
  bool early() const { return std::get<2>(GetParam()) == moment::early; }
  /// Which tiles begin early, and are read again after a roll-back, is a matter of time where their
  /// gradient is written first: so is the number of requests.
  bool timed() const { return early() && rest().gradients == place::nvme; }
  const resting& rest() const { return std::get<3>(GetParam()); }
  bool torn() const { return of().make(0).what == fault_kind::torn; }
  bool inlined() const { return std::get<4>(GetParam()) == io_backend::inlined; }

  void SetUp() override {
    fault_script script;
    calm_.outcome = one_run("calm", script);
    ASSERT_FALSE(calm_.outcome.problem) << calm_.outcome.problem->message;
    if (early()) expect_same_as_waiting();
    calm_.requests = {script.seen(nvme::io_op::read), script.seen(nvme::io_op::write)};
  }

  /// Runs every `stride`-th case and prints what came of them.
  void run_cases(std::size_t stride) {
    const std::size_t requests = calm_.requests[static_cast<std::size_t>(of().of)];
    std::map<std::string, int> outcomes;
    int cases = 0;
    for (std::size_t n = 0; n < requests && !HasFailure(); n += stride, ++cases) {
      SCOPED_TRACE(of().name + ", number " + std::to_string(n) + " of " + std::to_string(requests));
      ++outcomes[one_case(n)];
    }
    EXPECT_LE(outcomes["never asked"] * 5, cases) << "these cases show nothing";
    if (of().then == remedy::found) {
      // What lies behind a tile is not looked at, nor what an update wrote that was undone. Of torn
      // writes many do nothing: what is short ends before they tear, and which ones are struck is a
      // matter of time.
      EXPECT_GT(outcomes["corrupted"] * 4, torn() ? 0 : cases)
          << "damage was not done or not found";
    }
    std::string said = of().name + (early() ? ", early" : "") + (inlined() ? ", by workers" : "") +
                       ", on NVMe " + rest().name() + ": " + std::to_string(cases) + " cases of " +
                       std::to_string(requests);
    for (const auto& [what, count] : outcomes) {
      if (count > 0) said += ", " + std::to_string(count) + " " + what;
    }
    std::printf("%s\n", said.c_str());
    total_ += cases;
  }

  /// In the first step the order is not known yet; all others begin two tiles early.
  void expect_same_as_waiting() {
    if (!timed()) {
      EXPECT_EQ(calm_.outcome.early_tiles, 19u * undo_tiles);
      EXPECT_EQ(calm_.outcome.rolled_back, 2u);
    }
    fault_script script;
    const auto waited = one_run("calm, waiting", script, false, 0);
    EXPECT_EQ(waited.early_tiles, 0u);
    EXPECT_TRUE(calm_.outcome.state == waited.state) << "what began early made a difference";
  }

  static void TearDownTestSuite() { std::printf("%d cases in all\n", total_); }

 private:
  static constexpr std::uint32_t undo_tiles = 2;

  tiny_outcome one_run(const std::string& name, fault_script& script, bool hangs = false,
                       std::uint32_t undo = undo_tiles) {
    auto with = prepare(second(), script);
    with.rest = rest();
    with.io = std::get<4>(GetParam());
    if (early()) {
      with.clipped = clipping::seldom;
      with.undo_tiles = undo;
    }
    return watched(name, script, hangs, [&] { return run_tiny(with); });
  }

  std::string one_case(std::size_t n) {
    fault_script script;
    script.plan(of().of, n, of().make(n));
    const bool hangs = of().make(n).what == fault_kind::hang;
    const auto outcome = one_run(of().name + " " + std::to_string(n), script, hangs);
    if (timed() && n >= script.seen(of().of)) {
      EXPECT_TRUE(!outcome.problem && outcome.state == calm_.outcome.state);
      return "never asked";
    }
    if (hangs) expect_one_report(script, n);
    // Where workers move each array by itself, some are shorter than what would be left of them.
    const bool may_spare = inlined() && of().make(n).what == fault_kind::shortened;
    EXPECT_TRUE(script.struck() == 1 || of().then == remedy::found || may_spare)
        << "no fault happened";
    return judge(outcome);
  }

  std::string judge(const tiny_outcome& outcome) {
    if (!outcome.problem) {
      EXPECT_TRUE(outcome.state == calm_.outcome.state) << "a silent difference";
      EXPECT_TRUE(of().then == remedy::goes_on || of().then == remedy::found) << "not noticed";
      return "identical";
    }
    const failure& problem = *outcome.problem;
    EXPECT_TRUE(outcome.repeated) << "a later call forgot: " << problem.message;
    const bool expected = (of().then == remedy::io_failure && problem.code == errc::io_failure) ||
                          (of().then == remedy::no_space && problem.code == errc::no_space) ||
                          (of().then == remedy::found && problem.code == errc::corrupted);
    EXPECT_TRUE(expected) << problem.message;
    const auto says = [&](const std::string& word) {
      EXPECT_NE(problem.message.find(word), std::string::npos) << problem.message;
    };
    says(folder_.path() + "/(unnamed segment 0)");
    says("at offset ");
    if (problem.code == errc::corrupted) says("slice ");
    return std::string(to_string(problem.code));
  }

  /// What hung was reported, once; it may have made others late, whose lines differ.
  void expect_one_report(const fault_script& script, std::size_t n) {
    std::vector<nvme::io_request> same;
    for (const auto& each : script.requests()) {
      if (each.op == of().of) same.push_back(each);
    }
    const auto& hung = same.at(n);
    const std::string line = (hung.op == nvme::io_op::read ? "read of " : "write of ") +
                             std::to_string(hung.memory.size()) + " bytes at offset " +
                             std::to_string(hung.offset) + " of " + folder_.path();
    int count = 0;
    for (const auto& each : notes_->lines()) count += each.rfind(line, 0) == 0 ? 1 : 0;
    EXPECT_EQ(count, 1) << line;
  }

  static inline int total_ = 0;
  undisturbed calm_;
};

/// Without those that a worker cannot hear of: one that hangs cannot say so (nvme/README.md).
inline std::vector<fault_class> fault_classes_of_workers() {
  auto classes = fault_classes();
  std::erase_if(classes,
                [](const fault_class& each) { return each.make(0).what == fault_kind::hang; });
  return classes;
}

inline std::string name_of(const ::testing::TestParamInfo<each_fault_case>& tested) {
  return std::get<0>(tested.param).name + "_" + std::string(to_string(std::get<1>(tested.param))) +
         (std::get<2>(tested.param) == moment::early ? "_early" : "") + "_" +
         std::get<3>(tested.param).name() +
         (std::get<4>(tested.param) == io_backend::inlined ? "_inline" : "");
}

}  // namespace ballast::faults
