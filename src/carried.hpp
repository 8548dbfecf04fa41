// A tile's arrays as a worker finds them: at home, or in a buffer that carries what rests on NVMe,
// one extent behind the other.
#pragma once

#include "tile_homes.hpp"

namespace ballast {

/// Borrowed; an array that is not at hand is empty.
struct carried {
  std::span<std::byte> state, weights, gradient;
};

/// Where an array's extent lies in a buffer that carries the tile.
std::span<std::byte> extent_in(std::span<std::byte> buffer, tile_homes& homes, tile_id which,
                               tile_array array);

/// What rests on NVMe as it is in the buffer, all the rest at home. Without a buffer only that: nothing
/// of what rests on NVMe is at hand.
carried carried_in(std::span<std::byte> buffer, const layout& where, tile_homes& homes,
                   tile_id which);

}  // namespace ballast
