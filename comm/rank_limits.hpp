// How long ranks put up with each other.
#pragma once

#include <ballast/clock.hpp>

namespace ballast::comm {

struct rank_limits {
  /// A peer that has not come to a collective for so long has failed, however alive it is. Long: a
  /// slow disk or an evaluation on one rank is not a dead peer.
  nanoseconds lateness = std::chrono::minutes(30);
  /// A process without a sign of life for so long is dead or stopped.
  nanoseconds silence = std::chrono::seconds(5);
};

}  // namespace ballast::comm
