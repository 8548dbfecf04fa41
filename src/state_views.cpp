#include "state_views.hpp"

#include <ballast/assert.hpp>

namespace ballast {

state_view view_of(const state_layout& arrays, std::span<std::byte> state, elements count) {
  const auto take = [&](const array_width& width) -> std::byte* {
    const bytes size = width.of(count);
    if (size.value == 0) {
      return nullptr;
    }
    require(size.value <= state.size(), "a tile's memory holds its whole state");
    std::byte* const begin = state.data();
    state = state.subspan(size.value);
    return begin;
  };
  state_view view;
  view.residual = take(arrays.residual);
  view.momentum = take(arrays.momentum);
  view.variance = take(arrays.variance);
  view.momentum_scale = take(arrays.momentum_scale);
  view.variance_scale = take(arrays.variance_scale);
  view.count = count;
  return view;
}

state_view sub_view(const state_layout& arrays, dtype gradient, const state_view& whole,
                    elements first, elements count) {
  require(first.value % scale_group.value == 0, "a part begins at a multiple of 128 elements");
  const auto from = [&](auto* array, const array_width& width) {
    return array == nullptr ? nullptr : array + width.of(first).value;
  };
  return {.weights = from(whole.weights, {size_of(arrays.weights), {0}}),
          .residual = from(whole.residual, arrays.residual),
          .momentum = from(whole.momentum, arrays.momentum),
          .variance = from(whole.variance, arrays.variance),
          .momentum_scale = from(whole.momentum_scale, arrays.momentum_scale),
          .variance_scale = from(whole.variance_scale, arrays.variance_scale),
          .gradient = from(whole.gradient, {size_of(gradient), {0}}),
          .count = count,
          .first = whole.first + first};
}

slice_pieces pieces_of(tile_array which, const state_layout& arrays, const state_view& view) {
  const auto piece = [&](const std::byte* array, const array_width& width) {
    return std::span<const std::byte>{array, array == nullptr ? 0 : width.of(view.count).value};
  };
  if (which != tile_array::state) {
    const std::byte* const array = which == tile_array::weights ? view.weights : view.gradient;
    return {piece(array, {size_of(arrays.weights), {0}})};
  }
  return {piece(view.residual, arrays.residual), piece(view.momentum, arrays.momentum),
          piece(view.variance, arrays.variance), piece(view.momentum_scale, arrays.momentum_scale),
          piece(view.variance_scale, arrays.variance_scale)};
}

array_pieces pieces_within(tile_array which, const state_layout& arrays, elements whole,
                           element_range part) {
  using widths = std::array<array_width, std::tuple_size_v<slice_pieces>>;
  const widths of = which != tile_array::state
                        ? widths{array_width{size_of(arrays.weights), {}}}
                        : widths{arrays.residual, arrays.momentum, arrays.variance,
                                 arrays.momentum_scale, arrays.variance_scale};
  array_pieces pieces;
  std::uint64_t begin = 0;
  std::uint64_t packed = 0;
  for (std::size_t i = 0; i < of.size(); ++i) {
    pieces[i] = {begin + of[i].of(part.begin).value, packed, of[i].of(part.count)};
    begin += of[i].of(whole).value;
    packed += pieces[i].size.value;
  }
  return pieces;
}

}  // namespace ballast
