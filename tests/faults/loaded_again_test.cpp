// A request that fails ends the step; a load into the same engine, and the run goes on from there as
// if nothing had been, with updates that begin during backward as well.
#include <cerrno>
#include <cstdio>

#include "tests/faults/tiny_rig.hpp"

namespace ballast::faults {
namespace {

class loaded_again : public tiny_rig {
 protected:
  ~loaded_again() override { clear(); }

  void clear() {
    for (const auto& each : std::filesystem::directory_iterator(folder_.path())) {
      std::filesystem::remove_all(each.path());
    }
  }

  tiny_outcome run_once(const std::string& name, fault_script& script, std::uint32_t undo_tiles,
                        const resting& rest, io_backend io) {
    clear();
    auto with = prepare(encoding::exact, script);  // all extents alike: all may begin early
    with.late = true;
    with.steps = 12;
    with.clipped = clipping::seldom;
    with.undo_tiles = undo_tiles;
    with.rest = rest;
    with.io = io;
    with.checkpoints = folder_.path() + "/checkpoints";
    with.save_every = 3;
    with.load_again = true;
    return watched(name, script, false, [&] { return run_tiny(with); });
  }
};

TEST_F(loaded_again, goes_on_identical_after_any_failed_request) {
  int again = 0;
  using enum io_backend;
  for (const auto& [undo_tiles, rest, io] : {std::tuple{0U, state_alone, automatic},
                                             {2U, state_alone, automatic},
                                             {5U, state_alone, automatic},
                                             {0U, weights_too, automatic},
                                             {5U, weights_too, automatic},
                                             {0U, everything, automatic},
                                             {5U, everything, automatic},
                                             {0U, state_alone, inlined},
                                             {5U, weights_too, inlined},
                                             {5U, everything, inlined}}) {
    fault_script nothing_planned;
    const auto calm = run_once("calm", nothing_planned, undo_tiles, rest, io);
    ASSERT_FALSE(calm.problem) << calm.problem->message;
    // Whether one begins early is a matter of time where its gradient is written first.
    EXPECT_TRUE((calm.early_tiles > 0) == (undo_tiles > 0) || rest.gradients == place::nvme);
    for (const nvme::io_op op : {nvme::io_op::read, nvme::io_op::write}) {
      const std::size_t requests = nothing_planned.seen(op);
      for (std::size_t n = 0; n < requests; n += io == inlined || rest == everything ? 17 : 7) {
        SCOPED_TRACE(std::to_string(undo_tiles) + " undo tiles, on NVMe " + rest.name() +
                     (io == inlined ? ", by workers, " : ", ") +
                     (op == nvme::io_op::read ? "read " : "write ") + std::to_string(n));
        fault_script script;
        script.plan(op, n, error(EIO));
        const auto outcome = run_once("one error", script, undo_tiles, rest, io);
        if (outcome.problem) {  // before the first save
          EXPECT_TRUE(outcome.saves.empty());
          continue;
        }
        EXPECT_TRUE(outcome.state == calm.state) << "a silent difference";
        ++again;
      }
    }
  }
  std::printf("%d runs went on after an error\n", again);
  EXPECT_GT(again, 100);
}

}  // namespace
}  // namespace ballast::faults
