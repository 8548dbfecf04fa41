#include "undo_slots.hpp"

#include <algorithm>
#include <ballast/assert.hpp>

namespace ballast {

void undo_slots::give(tile_id which) {
  require(free() > 0 && !has(which), "a tile takes one of the free undo slots");
  slot_of_[which.value] = static_cast<std::uint32_t>(tiles_.size());
  tiles_.push_back(which);
  kept_[*slot_of_[which.value]] = 0;
}

std::span<std::byte> undo_slots::slot(tile_id which) const {
  return homes_.undo(*slot_of_[which.value]).first(homes_.at(which).weights.size());
}

void undo_slots::keep(tile_id which) {
  std::ranges::copy(homes_.at(which).weights, slot(which).begin());
  kept_[*slot_of_[which.value]] = 1;
}

void undo_slots::restore(tile_id which) {
  if (kept_[*slot_of_[which.value]] != 0) {
    std::ranges::copy(slot(which), homes_.at(which).weights.begin());
  }
}

void undo_slots::clear() {
  for (const tile_id each : tiles_) {
    slot_of_[each.value].reset();
  }
  tiles_.clear();
}

}  // namespace ballast
