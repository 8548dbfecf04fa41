#include "access_order.hpp"

#include <algorithm>

namespace ballast {

void access_order::restart() {
  known_ = known_ || position_ > 0;
  recorded_.resize(position_ > 0 ? position_ : recorded_.size());
  position_ = 0;
}

void access_order::observe(layer_id layer) {
  if (position_ < recorded_.size() && recorded_[position_] != layer) {
    recorded_.resize(position_);
  }
  if (position_ == recorded_.size()) {
    known_ = false;
    recorded_.push_back(layer);
  }
  ++position_;
}

std::optional<layer_id> access_order::upcoming(std::size_t k) const {
  return position_ + k < recorded_.size() ? std::optional(recorded_[position_ + k]) : std::nullopt;
}

std::size_t access_order::next_use(layer_id layer) const {
  const auto rest = recorded_.begin() + static_cast<std::ptrdiff_t>(position_);
  const auto found = std::find(rest, recorded_.end(), layer);
  return found == recorded_.end() ? never : static_cast<std::size_t>(found - rest);
}

}  // namespace ballast
