// Which extent holds each tile's array that rests on NVMe, its state or its weights: the current
// generation, the one under way, and those that checkpoints keep. One object an array.
//
//   renew(t)   an update begins: where its bytes will go. In place, or, while a checkpoint keeps
//              the current extent, into another one
//   move_away(t) they could not be written there: another folder's turn, if there is one
//   written(t) they are there: the new generation is current
//   keep_before(t) the coming update may be undone: it goes into another extent, and the one before
//              it stays until retire(t), which gives it up, or roll_back(t), which returns to it
//   keep(c)    every current extent belongs to checkpoint c as well
//   drop(c)    checkpoint c is given up: what only it referred to is free
//
// So a tile takes 1 + K extents, K checkpoints being kept, and one more while it can be undone.
// Owned by tile_homes. Calls for different tiles may come from different threads; keep() and drop()
// while nothing else runs.
#pragma once

#include <ballast/store.hpp>
#include <cstdint>
#include <optional>
#include <vector>

namespace ballast {

class stored_tiles {
 public:
  stored_tiles(store& disk, std::size_t tiles) : disk_(disk), tiles_(tiles) {}

  /// A tile's first extent.
  status place(tile_id which, bytes size, std::uint32_t slices);

  /// Of the newest bytes, on disk or in memory on their way there.
  const extent& latest(tile_id which) const { return tiles_[which.value].latest; }

  /// Errors: no_space
  status renew(tile_id which);
  void written(tile_id which);
  /// The write of `latest` failed for `why`: its bytes are to go to another folder.
  ///
  /// Errors: `why`, where there is none, or where it was no folder's refusal (io_failure, no_space);
  ///         `why` and the room that is missing, where none has enough: then the next renew() looks
  ///         for some
  status move_away(tile_id which, const failure& why);

  /// Errors: no_space, and nothing has changed
  status keep_before(tile_id which);
  void retire(tile_id which);
  void roll_back(tile_id which);

  void keep(std::uint64_t checkpoint);
  void drop(std::uint64_t checkpoint);

 private:
  struct generations {
    extent latest;
    extent current;         ///< on disk; equal to latest, but between renew() and written()
    bool placed = false;    ///< rests on NVMe
    bool renewed = false;   ///< latest has room of its own, not yet written
    bool homeless = false;  ///< no folder took it, and the room of latest has been given back
    std::optional<extent> before = {};  ///< of an update that may be undone
    std::optional<extent> spare = {};   ///< where that update is to go
  };
  struct kept {
    std::uint64_t checkpoint;
    std::vector<extent> extents;  ///< by tile
  };

  bool is_kept(tile_id which, const extent& where) const;

  store& disk_;
  std::vector<generations> tiles_;
  std::vector<kept> kept_;  ///< oldest first
};

}  // namespace ballast
