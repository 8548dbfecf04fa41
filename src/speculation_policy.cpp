#include "speculation_policy.hpp"

#include <algorithm>
#include <utility>

namespace ballast {

void speculation_policy::note(bool speculated, bool rolled_back) {
  if (pause_ > 0) {
    --pause_;
    return;
  }
  if (!speculated) {
    return;
  }
  if (!rolled_back) {
    since_roll_back_ = std::min(since_roll_back_ + 1, window);
    next_pause_ = since_roll_back_ == window ? first_pause : next_pause_;
    return;
  }
  if (std::exchange(since_roll_back_, 0) < window) {
    pause_ = next_pause_;
    next_pause_ = std::min(2 * next_pause_, longest_pause);
  }
}

}  // namespace ballast
