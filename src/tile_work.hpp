// What is done to a tile: fill, update, look. Slice by slice, so that a slice is checked, changed and
// stamped while it is in cache. A tile's arrays are at hand, at home or in a carrier; those on NVMe
// that are not are brought by the worker itself, and taken back, a slice at a time (slice_mover).
#pragma once

#include <ballast/update.hpp>
#include <functional>
#include <optional>

#include "carried.hpp"
#include "slice_mover.hpp"
#include "workers.hpp"

namespace ballast {

class tile_work {
 public:
  tile_work(const layout& where, tile_homes& homes, update_backend& host_updates, workers& threads)
      : where_(where),
        homes_(homes),
        host_updates_(host_updates),
        workers_(threads),
        mover_(where, homes) {}

  /// A slice of a tile: its elements [range) of the layer, and its arrays.
  struct slice {
    tile_id tile;
    std::uint32_t index;  ///< inside the tile
    element_range range;  ///< in the layer
    state_view view;      ///< of the whole slice
    update_backend* by;
  };
  using body = std::function<status(const slice& each)>;

  /// An update is a change that is made with the gradient.
  enum class access : std::uint8_t { update, change, look, fill };

  /// Calls `each` for the slices of a tile that meet `wanted` (in the layer): checked before unless
  /// filled, stamped after unless only looked at. A gradient is looked at by updates alone.
  ///
  /// Errors: corrupted; those of `each`, and of moving what is not at hand
  status for_slices(tile_id which, const carried& memory, element_range wanted, access how,
                    const body& each) const;

  /// Stamps the slices of a tile's array for the extent its bytes will go to, as they are in memory.
  void stamp(tile_id which, tile_array array, const carried& memory) const;

  /// One optimizer step on a slice; `groups` by group id, without encoding and gradient type, which
  /// the layer fixes.
  void update(const slice& each, std::span<const update_recipe> groups,
              std::uint32_t& findings) const;

 private:
  /// Whose digests the slices of a tile's array have before and after; none in memory.
  struct generation {
    extent before, after;
  };
  using generations = std::array<std::optional<generation>, tile_array_count>;

  result<generations> renewed(tile_id which, access how) const;
  elements first_of(const tile& which) const;
  element_range part_of(tile_id which, std::uint32_t index) const;
  state_view view_of_slice(tile_id which, const carried& memory, std::uint32_t index) const;
  state_view view_of_slice(tile_id which, const slice_mover::loan& memory,
                           std::uint32_t index) const;
  // `each` is empty for a slice that only follows its tile to another extent.
  status work_on(tile_id which, const state_view& view, std::uint32_t index, access how,
                 const generations& of, const body& each) const;
  status bring(tile_id which, std::uint32_t index, access how, const generations& of,
               const body& each) const;

  const layout& where_;
  tile_homes& homes_;
  update_backend& host_updates_;
  workers& workers_;
  mutable slice_mover mover_;
};

}  // namespace ballast
