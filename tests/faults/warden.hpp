// Watches one case of a test from another thread: lets what hangs go once it was reported as late, and
// ends the process with the case's name when the case itself does not end.
//
// Lives as long as the case.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "tests/faults/fault_script.hpp"
#include "tests/faults/manual_clock.hpp"
#include "tests/faults/notebook.hpp"

namespace ballast::faults {

class warden {
 public:
  static constexpr nanoseconds patience = std::chrono::seconds(60);  ///< real time for one case
  static constexpr nanoseconds deadline = std::chrono::seconds(30);  ///< of an I/O, by `time`

  /// `expects_hang`: one request will hang; without that it only waits for the end.
  warden(std::string name, fault_script& script, manual_clock& time, const notebook& notes,
         bool expects_hang);
  ~warden();

 private:
  bool over(nanoseconds limit);
  void give_up() const;
  void let_go();

  const std::string name_;
  fault_script& script_;
  manual_clock& time_;
  const notebook& notes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace ballast::faults
