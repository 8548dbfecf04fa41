// Which row of a picture an event is drawn in: events of one lane never overlap.
#pragma once

#include <ballast/clock.hpp>
#include <cstddef>
#include <vector>

namespace ballast::tools {

/// Events are offered in the order of their beginning.
class lanes {
 public:
  /// The first lane that is free from `begin` on; it is taken until `end`.
  std::size_t take(time_point begin, time_point end);

 private:
  std::vector<time_point> free_from_;  ///< by lane
};

}  // namespace ballast::tools
