// A tiny run on a simulated disk behind a script, time standing still unless it is moved, and what each
// run must leave as it was. To be inherited from.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/faults/fault_queue.hpp"
#include "tests/faults/tiny_run.hpp"
#include "tests/faults/warden.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::faults {

class tiny_rig : public ::testing::Test {
 protected:
  /// A new disk, and options of a run on it.
  tiny_options prepare(encoding second, fault_script& script, const sim_options& how = {}) {
    disk_.emplace(how);
    time_.emplace();
    notes_.emplace();
    return {.folders = {folder_.path()},
            .second = second,
            .open = faulty(script, *disk_),
            .time = *time_,
            .notes = notes_->sink()};
  }

  /// Runs `life`, watched. Lets what hangs go if `expects_hang`.
  template <class Life>
  tiny_outcome watched(const std::string& name, fault_script& script, bool expects_hang,
                       const Life& life) {
    const std::size_t descriptors = open_descriptors();
    tiny_outcome outcome;
    {
      const warden watch(name, script, *time_, *notes_, expects_hang);
      outcome = life();
    }
    EXPECT_EQ(open_descriptors(), descriptors) << "a descriptor leaked";
    EXPECT_EQ(script.hanging(), 0u);
    return outcome;
  }

  /// One run on a disk of its own.
  tiny_outcome run(const std::string& name, encoding second, fault_script& script,
                   const sim_options& how = {}, bool expects_hang = false) {
    const auto with = prepare(second, script, how);
    return watched(name, script, expects_hang, [&] { return run_tiny(with); });
  }

  nvme::testing::test_folder folder_;
  std::optional<sim_disk> disk_;
  std::optional<manual_clock> time_;
  std::optional<notebook> notes_;

 private:
  static std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

}  // namespace ballast::faults
