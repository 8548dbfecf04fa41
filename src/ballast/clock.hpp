// Time as an injected dependency, so that deadlines can be tested without waiting for them.
#pragma once

#include <chrono>

namespace ballast {

using nanoseconds = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, nanoseconds>;

class clock {
 public:
  virtual ~clock() = default;
  virtual time_point now() const = 0;
};

/// CLOCK_MONOTONIC.
class steady_clock final : public clock {
 public:
  time_point now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace ballast
