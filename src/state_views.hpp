// Where the arrays of a tile's state are: behind each other in the order of state_layout, residual
// first. One place that turns a tile's bytes into addresses, and parts of it into smaller views.
#pragma once

#include <ballast/store.hpp>
#include <ballast/update.hpp>
#include <tuple>

#include "tile_array.hpp"

namespace ballast {

/// The whole of `count` elements whose residual, moments and scales lie in `state`; weights,
/// gradient and flat index are the caller's to set.
state_view view_of(const state_layout& arrays, std::span<std::byte> state, elements count);

/// The part of a view that covers `count` elements from `first`, a multiple of 128.
state_view sub_view(const state_layout& arrays, dtype gradient, const state_view& whole,
                    elements first, elements count);

/// What a digest of these elements' array covers.
slice_pieces pieces_of(tile_array which, const state_layout& arrays, const state_view& view);

/// One of the arrays that a tile's weights, or all the rest of its state, consist of: where a part of
/// it begins in the whole tile's bytes, and among the parts of all of them, packed. Of an array that
/// there is not: no bytes.
struct array_piece {
  std::uint64_t offset = 0;
  std::uint64_t packed_offset = 0;
  bytes size;
};

/// In stored order.
using array_pieces = std::array<array_piece, std::tuple_size_v<slice_pieces>>;

/// The elements `part` of a tile of `whole` elements.
array_pieces pieces_within(tile_array which, const state_layout& arrays, elements whole,
                           element_range part);

}  // namespace ballast
