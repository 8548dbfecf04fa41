#include "carried.hpp"

namespace ballast {

std::span<std::byte> extent_in(std::span<std::byte> buffer, tile_homes& homes, tile_id which,
                               tile_array array) {
  const auto size = [&](tile_array each) -> std::size_t {
    return homes.at(which).on_nvme(each) ? homes.stored(each).latest(which).size.value : 0;
  };
  std::size_t before = 0;
  for (std::size_t i = 0; i < index_of(array); ++i) {
    before += size(tile_arrays[i]);
  }
  return buffer.subspan(before, size(array));
}

carried carried_in(std::span<std::byte> buffer, const layout& where, tile_homes& homes,
                   tile_id which) {
  const tile& of = where.at(which);
  const state_layout arrays = where.at(of.layer).arrays();
  const auto memory = [&](tile_array each) -> std::span<std::byte> {
    const tile_home& home = homes.at(which);
    if (!home.on_nvme(each) || buffer.empty()) {
      return home.memory(each);
    }
    return extent_in(buffer, homes, which, each).first(size_of(each, arrays, of.range.count).value);
  };
  return {memory(tile_array::state), memory(tile_array::weights), memory(tile_array::gradient)};
}

}  // namespace ballast
