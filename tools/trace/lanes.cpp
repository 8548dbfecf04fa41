#include "tools/trace/lanes.hpp"

#include <algorithm>

namespace ballast::tools {

std::size_t lanes::take(time_point begin, time_point end) {
  const auto found = std::ranges::find_if(free_from_, [&](time_point at) { return at <= begin; });
  const auto lane = static_cast<std::size_t>(found - free_from_.begin());
  if (found == free_from_.end()) {
    free_from_.push_back(end);
  } else {
    *found = end;
  }
  return lane;
}

}  // namespace ballast::tools
