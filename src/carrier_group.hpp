// Carriers that take tiles in turn, and the tiles that wait for one of them. A pipeline has two:
//
//   passing   a tile is read, worked on, written, and the next one takes its carrier: a few buffers,
//             used again and again, which is what a disk moves fastest
//   staying   the cache: a tile that lay there is worked on and written, and one that is to stay takes
//             its carrier. As many move at once as pass, so that neither crowd out the others; and as
//             many as there are workers, who have nothing else to do where all tiles lie here
//
// Guarded by its pipeline.
#pragma once

#include <span>
#include <vector>

#include "carrier.hpp"

namespace ballast {

class carrier_group {
 public:
  /// At most `at_once` carriers are busy.
  carrier_group(std::span<carrier> carriers, std::size_t at_once)
      : carriers_(carriers), at_once_(at_once) {
    for (carrier& each : carriers_) {
      each.group = this;
    }
    idle_.reserve(carriers_.size());
  }

  /// A run begins.
  void open() {
    idle_.clear();
    for (carrier& each : carriers_) {
      if (!each.cached) {
        idle_.push_back(&each);
      }
    }
  }
  /// It has ended, maybe early.
  void close() {
    staged_.clear();
    holding_.clear();
    next_staged_ = next_holding_ = 0;
  }

  /// `which` is to be brought into a carrier.
  void bring(tile_id which) { staged_.push_back(which); }
  /// The tile that `with` holds since an earlier run has its turn.
  void resume(carrier& with) { holding_.push_back(&with); }

  /// A carrier that is busy now, with the tile that it holds; null where there is none, or no tile.
  carrier* take() {
    if (busy_ >= at_once_) {
      return nullptr;
    }
    carrier* taken = nullptr;
    if (!idle_.empty() && next_staged_ < staged_.size()) {
      taken = idle_.back();
      idle_.pop_back();
      taken->take(staged_[next_staged_++]);
    } else if (next_holding_ < holding_.size()) {
      taken = holding_[next_holding_++];
    }
    busy_ += taken != nullptr ? 1 : 0;
    return taken;
  }
  /// One that holds a tile is busy, whatever the others are.
  void occupy() { ++busy_; }
  /// `with` is done with its tile, or keeps it.
  void give_back(carrier& with) {
    --busy_;
    if (!with.cached) {
      idle_.push_back(&with);
    }
  }

 private:
  const std::span<carrier> carriers_;
  const std::size_t at_once_;
  std::size_t busy_ = 0;
  std::vector<carrier*> idle_;
  std::vector<tile_id> staged_;  ///< in order
  std::size_t next_staged_ = 0;
  std::vector<carrier*> holding_;  ///< in order
  std::size_t next_holding_ = 0;
};

}  // namespace ballast
