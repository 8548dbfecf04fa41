// A staging buffer of the tile_pipeline and the tile in it: which of its arrays are to be read before
// the work on it, and which written after it.
//
// Owned by the pipeline. In one hand at a time: the worker's that has it, or that of the link's thread
// whose transfer is the last one to arrive; until then each leg is its own transfer's.
#pragma once

#include <array>
#include <atomic>
#include <ballast/result.hpp>
#include <ballast/transfer.hpp>
#include <span>

#include "tile_homes.hpp"

namespace ballast {

class carrier_group;
class tile_pipeline;

/// Of a run's tiles.
enum class tile_movement : std::uint8_t {
  update,          ///< with the gradient, which is read only
  read_and_write,  ///< another change
  read_only,       ///< a look
  write_only,      ///< a first fill
};

struct carrier {
  /// One array of the tile, on its way.
  struct leg {
    carrier* of = nullptr;
    tile_array array{};
    bool changed = false;  ///< since it was read or written
    bool going = false;    ///< has a part in the transfers under way
    status outcome;        ///< of its transfer
  };

  tile_pipeline* owner = nullptr;
  carrier_group* group = nullptr;
  std::span<std::byte> buffer;
  tile_id holds;
  bool cached = false;   ///< `holds` stays in the buffer
  bool reading = false;  ///< of its transfers: reads
  bool moving = false;   ///< could not be written where it was to go
  std::array<leg, tile_array_count> legs;
  std::atomic<std::uint32_t> under_way = 0;  ///< transfers

  /// Holds another tile, of which nothing is there yet.
  void take(tile_id which) {
    holds = which;
    for (leg& each : legs) {
      each.changed = false;
    }
  }
  /// Before the work: what it does not hold already of the tile, whose home is `home`, is going. True
  /// when anything is.
  bool choose_to_read(tile_movement moved, const tile_home& home);
  /// After the work: what was changed and does not stay behind in the cache.
  bool choose_to_write(tile_movement moved, const tile_home& home);
  /// The same without any work: what was changed and has not been written.
  bool choose_to_flush();
  /// What the disk waits for goes before what a cached tile lacks, and that before what is done.
  priority urgency() const;
  /// The first failure of its legs.
  status outcome() const;
};

}  // namespace ballast
