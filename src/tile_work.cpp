#include "tile_work.hpp"

#include <tbb/parallel_for.h>

#include <ballast/rounding.hpp>

#include "first_failure.hpp"

namespace ballast {
namespace {

/// What a digest covers: residual, momentum and variance of the slice.
slice_pieces pieces_of(const element_layout& widths, const state_view& view) {
  const std::uint64_t n = view.count.value;
  return {std::span<const std::byte>{view.residual, widths.residual.value * n},
          std::span<const std::byte>{view.momentum, widths.momentum.value * n},
          std::span<const std::byte>{view.variance, widths.variance.value * n}};
}

}  // namespace

state_view sub_view(const element_layout& widths, const state_view& whole, elements first,
                    elements count) {
  const auto moved = [&](auto* array, bytes width) {
    return array == nullptr ? nullptr : array + width.value * first.value;
  };
  return {.weights = moved(whole.weights, size_of(widths.weights)),
          .residual = moved(whole.residual, widths.residual),
          .momentum = moved(whole.momentum, widths.momentum),
          .variance = moved(whole.variance, widths.variance),
          .gradient = moved(whole.gradient, size_of(widths.weights)),
          .count = count};
}

status tile_work::for_slices(tile_id which, std::span<std::byte> state, element_range wanted,
                             access how, const body& each) const {
  const element_range whole = where_.at(which).range;
  const element_range part = intersect(whole, wanted);
  if (part.empty()) {
    return {};
  }
  const std::uint64_t first = (part.begin - whole.begin) / slice_elements;
  const std::uint64_t last = count_up(part.end() - whole.begin, slice_elements);
  first_failure outcome;
  tbb::parallel_for(first, last, [&](std::uint64_t index) {
    outcome.note(one_slice(which, state, static_cast<std::uint32_t>(index), how, each));
  });
  return outcome.take();
}

status tile_work::one_slice(tile_id which, std::span<std::byte> state, std::uint32_t index,
                            access how, const body& each) const {
  const tile& of = where_.at(which);
  const tile_home& home = homes_.at(which);
  const element_layout widths = where_.at(of.layer).bytes_of();
  const elements first = slice_elements * index;
  const element_range part{first, std::min(slice_elements, of.range.count - first)};
  const slice here{which,
                   index,
                   {of.range.begin + first, part.count},
                   view_of(widths, of.range.count, home, state, part),
                   home.where == place::device ? &homes_.on_device().updates() : &host_updates_};
  const bool on_disk = home.where == place::nvme;
  if (on_disk && how != access::fill) {
    if (auto same = homes_.on_disk()->check(home.stored, index, pieces_of(widths, here.view));
        !same) {
      return same;
    }
  }
  if (auto done = each(here); !done) {
    return done;
  }
  if (on_disk && how != access::look) {
    homes_.on_disk()->stamp(home.stored, index, pieces_of(widths, here.view));
  }
  return {};
}

void tile_work::update(const slice& each, std::span<const adamw_scalars> groups,
                       std::uint32_t& findings) const {
  const layer_layout& layer = where_.at(where_.at(each.tile).layer);
  for (const segment& part : layer.segments) {
    const element_range common = intersect(part.range, each.range);
    if (!common.empty()) {
      each.by->update(
          layer.stored, groups[part.group.value],
          sub_view(layer.bytes_of(), each.view, common.begin - each.range.begin, common.count),
          findings, {});
    }
  }
}

}  // namespace ballast
