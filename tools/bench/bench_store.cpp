#include "tools/bench/bench_store.hpp"

#include <nvme/nvme_store.hpp>

namespace ballast::tools {
namespace {

constexpr bytes slice_array = bench_store::slice_size / tile_arrays;

/// The arrays stand one after the other in the tile, a slice takes its part of each.
slice_pieces pieces_of(std::span<const std::byte> tile, std::uint32_t index) {
  slice_pieces pieces{};
  for (std::size_t array = 0; array < tile_arrays; ++array) {
    const std::size_t begin = tile.size() / tile_arrays * array;
    pieces[array] = tile.subspan(begin + slice_array.value * index, slice_array.value);
  }
  return pieces;
}

}  // namespace

result<bench_store> bench_store::open(const options& asked, const clock& time) {
  const std::uint64_t tiles = asked.each / asked.tile;
  const auto slices = static_cast<std::uint32_t>(asked.tile / slice_size);
  bench_store made;
  for (const std::string& folder : asked.folders) {
    auto disk = nvme::make_store({.folders = {{folder}},
                                  .size = asked.tile * tiles,
                                  .slices = static_cast<std::uint32_t>(slices * tiles),
                                  .time = time,
                                  .backend = asked.backend,
                                  .request = asked.setting.block,
                                  .depth = asked.setting.depth,
                                  .arena = asked.arena});
    if (!disk) {
      return disk.error();
    }
    made.disks_.push_back(*std::move(disk));
  }
  for (std::uint64_t i = 0; i < tiles; ++i) {
    for (const auto& disk : made.disks_) {
      const auto where = disk->allocate(asked.tile, slices);
      if (!where) {
        return where.error();
      }
      made.tiles_.push_back({disk.get(), *where});
    }
  }
  return made;
}

void bench_store::stamp(const stored_tile& tile, std::span<const std::byte> memory) {
  for (std::uint32_t i = 0; i < tile.where.slices; ++i) {
    tile.disk->stamp(tile.where, i, pieces_of(memory, i));
  }
}

status bench_store::check(const stored_tile& tile, std::span<const std::byte> memory) {
  for (std::uint32_t i = 0; i < tile.where.slices; ++i) {
    if (const status same = tile.disk->check(tile.where, i, pieces_of(memory, i)); !same) {
      return same;
    }
  }
  return {};
}

}  // namespace ballast::tools
