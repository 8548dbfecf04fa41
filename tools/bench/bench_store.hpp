// The store with tiles in it, as the optimizer keeps them: extents of whole slices, each slice three
// arrays of fp32 (master, m, v) with a digest. Neighbouring tiles take turns among the folders.
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

  const std::vector<extent>& tiles() const { return tiles_; }
  store& disk() const { return *disk_; }

  /// Digests of what is in `memory`, for all slices of a tile.
  void stamp(const extent& tile, std::span<const std::byte> memory) const;
  /// Errors: corrupted
  status check(const extent& tile, std::span<const std::byte> memory) const;

 private:
  explicit bench_store(std::unique_ptr<store> disk) : disk_(std::move(disk)) {}

  std::unique_ptr<store> disk_;
  std::vector<extent> tiles_;
};

}  // namespace ballast::tools
