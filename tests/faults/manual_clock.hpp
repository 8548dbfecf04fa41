// A clock that stands still until a test moves it: deadlines pass without waiting for them.
#pragma once

#include <atomic>
#include <ballast/clock.hpp>

namespace ballast::faults {

/// Threads: any
class manual_clock final : public clock {
 public:
  time_point now() const override { return time_point(nanoseconds(now_)); }
  void advance(nanoseconds step) { now_ += step.count(); }

 private:
  std::atomic<std::int64_t> now_ = 1;
};

}  // namespace ballast::faults
