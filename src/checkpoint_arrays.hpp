// The two arrays of a tile as a checkpoint holds them, weights and state, on their way: out of
// memory into a store, and out of a checkpoint's stores back to where they rest.
//
// Both work in the caller's thread while nothing else touches the tiles; transfers overlap with
// copying. Every slice is stamped before it is written and checked after it was read.
#pragma once

#include <ballast/store.hpp>
#include <memory>

#include "manifest.hpp"
#include "slice_mover.hpp"
#include "tile_homes.hpp"

namespace ballast {

/// What the digest of elements [first, first + count) covers of an array of `whole` elements.
slice_pieces pieces_of(tile_array which, const state_layout& arrays, std::span<std::byte> memory,
                       elements whole, element_range part);

/// Copies the part of one array that both ranges of the layer have into the other.
void copy_common(tile_array which, const state_layout& arrays, std::span<std::byte> from,
                 element_range from_range, std::span<std::byte> to, element_range to_range);

/// Copies arrays that rest in memory into a store, through the staging of tile_homes.
class array_saver {
 public:
  array_saver(const layout& where, tile_homes& homes, store& into)
      : where_(where), homes_(homes), into_(into) {}

  /// Errors: no_space, device_failure; those of writes come from finish()
  result<extent> save(tile_id which, tile_array array);
  /// Waits for all writes.
  status finish();

 private:
  status fill(std::span<std::byte> buffer, const tile_home& home, std::span<std::byte> from);

  const layout& where_;
  tile_homes& homes_;
  store& into_;
  std::array<ticket, checkpoint_buffers> under_way_;
  std::uint32_t next_ = 0;
};

/// Reads the arrays of a manifest's runs into the memory that tile_homes has for it, one of each
/// kind at a time; in parts where the run comes from longer tiles than fit there.
class run_reader {
 public:
  /// Some of an array's elements, packed as if there were no others.
  struct part {
    std::span<std::byte> memory;
    element_range range;  ///< in the layer
  };

  /// Opens the manifest's stores, as far as they hold what this rank owns.
  ///
  /// Errors: those of the stores; corrupted where an array is not inside its store
  static result<std::unique_ptr<run_reader>> open(const manifest& read, const layout& where,
                                                  const engine_config& config,
                                                  const tile_homes& homes, backends& parts);

  /// What of run `index` is around the layer's element `at`, checked; valid until the next call for
  /// the same kind.
  ///
  /// Errors: corrupted, io_failure
  result<part> read(std::size_t index, tile_array array, elements at);

 private:
  struct loaded {
    std::span<std::byte> memory;
    std::optional<std::size_t> run;
    element_range range;  ///< in the run

    bool holds(elements which) const { return range.begin <= which && which < range.end(); }
  };

  run_reader(const manifest& read, const layout& where) : manifest_(read), where_(where) {}
  bool needs(const manifest::run& run) const;
  status adopt(const manifest::run& run, tile_array array);
  status load(const manifest::run& run, tile_array array, const extent& where, loaded& into);

  const manifest& manifest_;
  const layout& where_;
  std::vector<std::unique_ptr<store>> stores_;  ///< none where none is needed
  std::array<std::vector<extent>, 2> extents_;  ///< by kind and run
  std::array<loaded, 2> loaded_;
};

/// Fills tiles, wherever they rest and however they are cut, from a manifest's runs.
class array_restorer {
 public:
  array_restorer(const manifest& read, const layout& where, tile_homes& homes, run_reader& from)
      : manifest_(read),
        where_(where),
        homes_(homes),
        from_(from),
        mover_(where, homes),
        written_(homes.staging_count()) {}

  /// Both arrays of a tile; tiles in ascending order.
  status restore(tile_id which);
  /// Waits for all writes.
  status finish();

 private:
  struct written {
    ticket write;  ///< from the slot's buffer
    tile_id tile;
    tile_array array{};
  };

  status restore(tile_id which, tile_array array);
  status restore_by_slices(tile_id which, tile_array array);
  status assemble(const tile& of, tile_array array, std::span<std::byte> into);
  status write(tile_id which, tile_array array, std::size_t slot);
  void submit(tile_id which, tile_array array, std::size_t slot);
  status settle(std::size_t slot);

  const manifest& manifest_;
  const layout& where_;
  tile_homes& homes_;
  run_reader& from_;
  slice_mover mover_;
  std::size_t first_run_ = 0;     ///< the first that the next tile may meet
  std::vector<written> written_;  ///< by staging buffer
  std::size_t next_slot_ = 0;
};

}  // namespace ballast
