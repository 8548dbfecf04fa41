// Where workers that bring a tile's slices themselves spend their time: reading, checking, updating,
// stamping, writing. For measurements only.
//
// Some calls are timed, by the clock on the wall: a thread's own clock costs a system call, and with it
// a call of 20 microseconds took 4 more. The longest of them were interrupted, by whoever else wants
// the core, and do not count; so what is left is processor time.
#pragma once

#include <array>
#include <atomic>
#include <ballast/backends.hpp>
#include <chrono>
#include <memory>

namespace ballast::tools {

/// Threads: any
class call_meter {
 public:
  template <class Call>
  auto timed(const Call& call) {
    const lap each(*this);
    return call();
  }

  /// Processor seconds of all calls since the last take(), nothing else being under way.
  double take();

 private:
  static constexpr std::uint64_t one_of = 4;
  static constexpr double undisturbed = 0.95;  ///< of the calls
  static constexpr std::size_t most = 1u << 15;

  class lap {
   public:
    explicit lap(call_meter& of)
        : of_(of),
          chosen_(of.calls_.fetch_add(1, std::memory_order_relaxed) % one_of == 0),
          begun_(chosen_ ? now() : 0) {}
    ~lap() {
      if (chosen_) {
        of_.add(now() - begun_);
      }
    }
    lap(const lap&) = delete;
    lap& operator=(const lap&) = delete;

   private:
    static double now() {
      return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
          .count();
    }

    call_meter& of_;
    const bool chosen_;
    const double begun_;
  };

  void add(double seconds) {
    if (const auto at = timed_.fetch_add(1, std::memory_order_relaxed); at < most) {
      seconds_[at] = static_cast<float>(seconds);
    }
  }

  std::atomic<std::uint64_t> calls_ = 0;
  std::atomic<std::size_t> timed_ = 0;
  std::array<float, most> seconds_;  ///< of those that were timed
};

struct work_meter {
  call_meter reading, checking, updating, stamping, writing;
};

/// Parts whose stores' move(), stamp() and check(), and whose updates, are metered; `meter` outlives them.
std::unique_ptr<backends> with_meter(std::unique_ptr<backends> parts, work_meter& meter);

}  // namespace ballast::tools
