// The store with tiles in it, as the optimizer keeps them: extents of whole slices, each slice three
// arrays of fp32 (master, m, v) with a digest. One store a folder; neighbouring tiles take turns.
#pragma once

#include <ballast/config.hpp>
#include <ballast/store.hpp>
#include <memory>
#include <vector>

#include "tools/bench/block_job.hpp"

namespace ballast::tools {

/// Elements under one digest, as the engine's slices are.
inline constexpr elements digest_slice{16384};
inline constexpr std::size_t tile_arrays = 3;

struct stored_tile {
  store* disk;
  extent where;
};

class bench_store {
 public:
  static constexpr bytes slice_size{digest_slice.value * sizeof(float) * tile_arrays};

  struct options {
    std::vector<std::string> folders;
    bytes each;  ///< in every folder; at least a tile fits
    bytes tile;  ///< of whole slices
    io_setting setting;
    io_backend backend = io_backend::automatic;
    std::span<std::byte> arena;  ///< what transfers use; registered
  };

  /// Errors: those of the store
  static result<bench_store> open(const options& asked, const clock& time);

  const std::vector<stored_tile>& tiles() const { return tiles_; }
  std::string description() const { return disks_.front()->description(); }

  /// Digests of what is in `memory`, for all slices of a tile.
  static void stamp(const stored_tile& tile, std::span<const std::byte> memory);
  /// Errors: corrupted
  static status check(const stored_tile& tile, std::span<const std::byte> memory);

 private:
  bench_store() = default;

  std::vector<std::unique_ptr<store>> disks_;
  std::vector<stored_tile> tiles_;
};

}  // namespace ballast::tools
