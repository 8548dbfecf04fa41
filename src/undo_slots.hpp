// The weights that tiles had before an update that may have to be undone; their state is still in
// the extents it was read from (stored_tiles).
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

  std::size_t free() const { return homes_.undo_count() - tiles_.size(); }
  void give(tile_id which);
  bool has(tile_id which) const { return slot_of_[which.value].has_value(); }
  std::span<const tile_id> tiles() const { return tiles_; }

  /// Threads: any, for different tiles
  void keep(tile_id which);
  /// Puts a tile's weights back as they were kept.
  void restore(tile_id which);
  /// All slots are free again.
  void clear();

 private:
  std::span<std::byte> slot(tile_id which) const;

  tile_homes& homes_;
  std::vector<std::optional<std::uint32_t>> slot_of_;  ///< by tile
  std::vector<std::uint8_t> kept_;  ///< by slot: filled; stays where it is while others are given
  std::vector<tile_id> tiles_;      ///< by slot
};

}  // namespace ballast
