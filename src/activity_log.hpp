// Charges every instant to one class of activity, and tells a trace what began and ended.
//
// Owned by the engine; outlives everything that reports to it. No memory of the past: a counter a
// class says what is active, and each change charges the time since the last one.
#pragma once

#include <ballast/activity.hpp>
#include <mutex>

namespace ballast {

/// Threads: any
class activity_log {
 public:
  explicit activity_log(const clock& time) : time_(time), charged_until_(time.now()) {}

  /// Returns: when it began, to be given to end()
  time_point begin(activity what);
  void end(activity what, std::string_view name, subject whose, time_point begun, bytes moved = {});

  /// What was charged since the last call.
  attribution take();

  /// nullptr: nobody listens.
  void listen(trace_sink* sink);

 private:
  time_point charge();

  const clock& time_;
  std::mutex mutex_;
  std::array<std::uint32_t, activity_count> active_{};  // guarded by mutex_
  attribution charged_;                                 // guarded by mutex_
  time_point charged_until_;                            // guarded by mutex_
  trace_sink* sink_ = nullptr;                          // guarded by mutex_
};

/// An activity as long as it lives.
class active_span {
 public:
  active_span(activity_log& log, activity what, std::string_view name, subject whose = {})
      : log_(log), what_(what), name_(name), whose_(whose), begun_(log.begin(what)) {}
  ~active_span() { log_.end(what_, name_, whose_, begun_); }
  active_span(const active_span&) = delete;
  active_span& operator=(const active_span&) = delete;

 private:
  activity_log& log_;
  const activity what_;
  const std::string_view name_;
  const subject whose_;
  const time_point begun_;
};

}  // namespace ballast
