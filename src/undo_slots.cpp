#include "undo_slots.hpp"

#include <algorithm>
#include <ballast/assert.hpp>

namespace ballast {

bool undo_slots::give(tile_id which) {
  require(!has(which), "a tile takes one undo slot");
  if (tiles_.size() == homes_.undo_count()) {
    return false;
  }
  std::vector<tile_array> room;
  for (const tile_array each : lasting_arrays) {
    if (!homes_.at(which).on_nvme(each)) {
      continue;
    }
    if (!homes_.stored(each).keep_before(which)) {
      for (const tile_array other : room) {
        homes_.stored(other).roll_back(which);
      }
      return false;
    }
    room.push_back(each);
  }
  slot_of_[which.value] = static_cast<std::uint32_t>(tiles_.size());
  tiles_.push_back(which);
  kept_[*slot_of_[which.value]] = 0;
  return true;
}

/// Empty where the weights are on NVMe.
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

void undo_slots::retire() {
  for (const tile_id which : tiles_) {
    for (const tile_array each : lasting_arrays) {
      if (homes_.at(which).on_nvme(each)) {
        homes_.stored(each).retire(which);
      }
    }
  }
  clear();
}

void undo_slots::roll_back() {
  for (const tile_id which : tiles_) {
    restore(which);
    for (const tile_array each : lasting_arrays) {
      if (homes_.at(which).on_nvme(each)) {
        homes_.stored(each).roll_back(which);
      }
    }
  }
  clear();
}

void undo_slots::clear() {
  for (const tile_id each : tiles_) {
    slot_of_[each.value].reset();
  }
  tiles_.clear();
}

}  // namespace ballast
