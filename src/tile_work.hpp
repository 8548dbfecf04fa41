// What is done to a tile while its state is at hand: fill, update, look. Slice by slice, so that a
// slice is checked, changed and stamped while it is in cache.
#pragma once

#include <ballast/update.hpp>
#include <functional>

#include "tile_homes.hpp"
#include "workers.hpp"

namespace ballast {

class tile_work {
 public:
  tile_work(const layout& where, tile_homes& homes, update_backend& host_updates, workers& threads)
      : where_(where), homes_(homes), host_updates_(host_updates), workers_(threads) {}

  /// A slice of a tile: its elements [range) of the layer, and its arrays.
  struct slice {
    tile_id tile;
    std::uint32_t index;  ///< inside the tile
    element_range range;  ///< in the layer
    state_view view;      ///< of the whole slice
    update_backend* by;
  };
  using body = std::function<status(const slice& each)>;

  enum class access : std::uint8_t { change, look, fill };

  /// Calls `each` for the slices of a tile that meet `wanted` (in the layer): checked before unless
  /// filled, stamped after unless only looked at.
  ///
  /// Errors: corrupted; those of `each`
  status for_slices(tile_id which, std::span<std::byte> state, element_range wanted, access how,
                    const body& each) const;

  /// Stamps a tile's slices for the extent its bytes will go to, as they are in memory.
  void stamp(tile_id which, std::span<std::byte> state) const;

  /// One optimizer step on a slice; `groups` by group id, without encoding and gradient type, which
  /// the layer fixes.
  void update(const slice& each, std::span<const update_recipe> groups,
              std::uint32_t& findings) const;

 private:
  /// Whose digests a tile's slices have before and after; not used in memory.
  struct generations {
    extent before, after;
  };

  result<generations> renewed(tile_id which, access how) const;
  /// `each` is empty for a slice that only follows its tile to another extent.
  status one_slice(tile_id which, std::span<std::byte> state, std::uint32_t index, access how,
                   const generations& of, const body& each) const;

  const layout& where_;
  tile_homes& homes_;
  update_backend& host_updates_;
  workers& workers_;
};

}  // namespace ballast
