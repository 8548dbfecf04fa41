#include "slice_mover.hpp"

#include "state_views.hpp"

namespace ballast {

slice_mover::slice_mover(const layout& where, tile_homes& homes)
    : where_(where),
      homes_(homes),
      free_(homes.slice_buffers().begin(), homes.slice_buffers().end()) {}

std::span<std::byte> slice_mover::take() {
  std::unique_lock hold(mutex_);
  given_back_.wait(hold, [this] { return !free_.empty(); });
  const auto taken = free_.back();
  free_.pop_back();
  return taken;
}

void slice_mover::give(std::span<std::byte> buffer) {
  {
    const std::lock_guard hold(mutex_);
    free_.push_back(buffer);
  }
  given_back_.notify_one();
}

std::span<std::byte> slice_mover::memory_of(const slice& which, tile_array array,
                                            const loan& in) const {
  const state_layout arrays = where_.at(where_.at(which.tile).layer).arrays();
  std::size_t before = 0;
  for (const tile_array each : tile_arrays) {
    const std::size_t size = size_of(each, arrays, which.part.count).value;
    if (each == array) {
      return in.memory().subspan(before, size);
    }
    before += homes_.at(which.tile).on_nvme(each) ? size : 0;
  }
  return {};
}

status slice_mover::read(const slice& which, const extents& from, const loan& into) {
  return move(homes_.read(), which, from, into);
}

status slice_mover::write(const slice& which, const extents& to, const loan& from) {
  return move(homes_.write(), which, to, from);
}

/// All pieces of all arrays in one go.
status slice_mover::move(link& through, const slice& which, const extents& places,
                         const loan& memory) {
  const tile& of = where_.at(which.tile);
  const state_layout arrays = where_.at(of.layer).arrays();
  std::array<tier_range, tile_array_count * std::tuple_size_v<array_pieces>> ranges;
  std::size_t count = 0;
  for (const tile_array array : tile_arrays) {
    const auto& place = places[index_of(array)];
    if (!place) {
      continue;
    }
    const auto its = memory_of(which, array, memory);
    for (const array_piece& each : pieces_within(array, arrays, of.range.count, which.part)) {
      if (each.size.value > 0) {
        ranges[count++] = {{place->address.value + each.offset},
                           its.subspan(each.packed_offset, each.size.value)};
      }
    }
  }
  return through.move(std::span(ranges).first(count), subject::of(which.tile));
}

}  // namespace ballast
