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
  const std::uint64_t count = asked.each / asked.tile * asked.folders.size();
  const auto slices = static_cast<std::uint32_t>(asked.tile / slice_size);
  nvme::store_options with{.folders = {},
                           .size = asked.tile * count,
                           .spare = asked.tile,
                           .slices = static_cast<std::uint32_t>(slices * count),
                           .time = time,
                           .backend = asked.backend,
                           .request = asked.setting.block,
                           .depth = asked.setting.depth,
                           .arena = asked.arena};
  for (const std::string& folder : asked.folders) {
    // As much in each, as the plain arms have it.
    with.folders.push_back({.directory = folder, .bandwidth = 1});
  }
  auto disk = nvme::make_store(with);
  if (!disk) {
    return disk.error();
  }
  bench_store made(*std::move(disk));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto where = made.disk_->allocate(asked.tile, slices);
    if (!where) {
      return where.error();
    }
    made.tiles_.push_back(*where);
  }
  return made;
}

void bench_store::stamp(const extent& tile, std::span<const std::byte> memory) const {
  for (std::uint32_t i = 0; i < tile.slices; ++i) {
    disk_->stamp(tile, i, pieces_of(memory, i));
  }
}

status bench_store::check(const extent& tile, std::span<const std::byte> memory) const {
  for (std::uint32_t i = 0; i < tile.slices; ++i) {
    if (const status same = disk_->check(tile, i, pieces_of(memory, i)); !same) {
      return same;
    }
  }
  return {};
}

}  // namespace ballast::tools
