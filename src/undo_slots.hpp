// What tiles had before an update that may have to be undone: what rests on NVMe stays in the extents
// it was read from (stored_tiles), weights in host memory are kept in a slot here.
//
// Owned by the optimizer's step; memory from tile_homes. A slot is given to a tile before its
// update begins, by the caller's thread, and filled by the worker that updates it.
#pragma once

#include <optional>
#include <vector>

#include "tile_homes.hpp"

namespace ballast {

class undo_slots {
 public:
  undo_slots(tile_homes& homes, std::size_t tiles)
      : homes_(homes), slot_of_(tiles), kept_(homes.undo_count()) {}

  /// Gives a tile a slot and second extents; false where there is no room for them: it must wait.
  bool give(tile_id which);
  bool has(tile_id which) const { return slot_of_[which.value].has_value(); }
  std::span<const tile_id> tiles() const { return tiles_; }

  /// Threads: any, for different tiles
  void keep(tile_id which);

  /// The updates stand: what was before is given up, and all slots are free again.
  void retire();
  /// Every tile is again as it was before.
  void roll_back();

 private:
  void restore(tile_id which);
  void clear();
  std::span<std::byte> slot(tile_id which) const;

  tile_homes& homes_;
  std::vector<std::optional<std::uint32_t>> slot_of_;  ///< by tile
  std::vector<std::uint8_t> kept_;  ///< by slot: filled; stays where it is while others are given
  std::vector<tile_id> tiles_;      ///< by slot
};

}  // namespace ballast
