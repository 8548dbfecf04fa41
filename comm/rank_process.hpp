// A process as its peers on the same host know it: whether it still runs, and how to end it. Told
// from a later process of the same number by the time at which it began.
#pragma once

#include <cstdint>

namespace ballast::comm {

struct rank_process {
  std::int32_t number = 0;
  std::uint64_t begun = 0;  ///< clock ticks since boot; 0: not known

  static rank_process self();

  /// Whether this process can be seen from here at all: not from another PID namespace.
  bool visible() const;
  /// False once it has died, whether or not its parent has taken notice.
  bool lives() const;
  /// With SIGKILL; a stopped process ends too. Nothing where it is gone.
  void end() const;
};

}  // namespace ballast::comm
