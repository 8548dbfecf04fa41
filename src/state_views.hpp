// Where the arrays of a tile's state are: behind each other in the order of state_layout, residual
// first. One place that turns a tile's bytes into addresses, and parts of it into smaller views.
#pragma once

#include <ballast/store.hpp>
#include <ballast/update.hpp>

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

}  // namespace ballast
