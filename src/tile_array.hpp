// The arrays of a tile that rest, move and are checked by themselves: its weights, which the caller
// computes with, and all the rest of its state, which only the optimizer looks at.
#pragma once

#include <array>
#include <ballast/encoding.hpp>

namespace ballast {

enum class tile_array : std::uint8_t { weights, state };
inline constexpr std::array tile_arrays{tile_array::weights, tile_array::state};
inline constexpr std::size_t tile_array_count = tile_arrays.size();

constexpr std::size_t index_of(tile_array which) { return static_cast<std::size_t>(which); }

/// Bytes of `count` elements' array.
constexpr bytes size_of(tile_array which, const state_layout& arrays, elements count) {
  return which == tile_array::weights ? size_of(arrays.weights) * count.value : arrays.state(count);
}

}  // namespace ballast
