// The arrays of a tile that rest, move and are checked by themselves: its weights, which the caller
// computes with, all the rest of its state, which only the optimizer looks at, and its completed
// gradient, which is made anew in every step.
#pragma once

#include <array>
#include <ballast/encoding.hpp>

namespace ballast {

enum class tile_array : std::uint8_t { weights, state, gradient };
inline constexpr std::array tile_arrays{tile_array::weights, tile_array::state,
                                        tile_array::gradient};
inline constexpr std::size_t tile_array_count = tile_arrays.size();
/// What outlives a step: an update changes it, and a checkpoint holds it.
inline constexpr std::array lasting_arrays{tile_array::weights, tile_array::state};

constexpr std::size_t index_of(tile_array which) { return static_cast<std::size_t>(which); }

/// Bytes of `count` elements' array.
constexpr bytes size_of(tile_array which, const state_layout& arrays, elements count) {
  return which == tile_array::state ? arrays.state(count) : size_of(arrays.weights) * count.value;
}

}  // namespace ballast
