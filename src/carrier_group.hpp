// Carriers that take tiles in turn, and the tiles that wait for one of them. A pipeline has two:
//
//   passing   a tile is read, worked on, written, and the next one takes its carrier: a few buffers,
//             used again and again, which is what a disk moves fastest
//   staying   the cache: a tile that lay there is worked on and written, and one that is to stay takes
//             its carrier. Only some move at once, so that they neither crowd out the passing ones
//             nor wait until those are done
//
// Guarded by its pipeline.
#pragma once

#include <deque>
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
    if (!idle_.empty() && !staged_.empty()) {
      taken = idle_.back();
      idle_.pop_back();
      taken->take(staged_.front());
      staged_.pop_front();
    } else if (!holding_.empty()) {
      taken = holding_.front();
      holding_.pop_front();
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
  std::deque<tile_id> staged_;
  std::deque<carrier*> holding_;
};

}  // namespace ballast
