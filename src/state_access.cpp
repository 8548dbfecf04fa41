#include "state_access.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/rounding.hpp>
#include <cstring>
#include <memory>

#include "state_views.hpp"

namespace ballast {
namespace {

using slice_values = std::array<float, slice_elements.value>;

/// The weights of a view in fp32.
void widen_weights(dtype type, const state_view& view, std::span<float> into) {
  if (type == dtype::f32) {
    std::memcpy(into.data(), view.weights, into.size_bytes());
    return;
  }
  for (std::size_t i = 0; i < into.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, view.weights + i * sizeof half, sizeof half);
    into[i] = type == dtype::bf16 ? arithmetic::widen_bf16(half) : arithmetic::widen_f16(half);
  }
}

bool is_moment(state_part part) {
  return part == state_part::momentum || part == state_part::variance;
}

/// True where the optimizer keeps no such moment: it reads as zero.
bool is_absent(state_part part, const state_view& view) {
  return part == state_part::variance && view.variance == nullptr;
}

/// `range` widened to whole groups of 128; parameters begin at multiples of them.
element_range groups_around(element_range range) {
  const std::uint64_t unit = scale_group.value;
  const elements begin{range.begin.value / unit * unit};
  return {begin, round_up(range.end(), scale_group) - begin};
}

failure overflow(const std::string& name) {
  return {errc::weight_overflow,
          fmt::format("\"{}\": a finite value has no finite weight in the compute type", name)};
}

}  // namespace

status state_access::initialise(std::span<const tile_id> order) {
  return pipeline_.run(
      order, tile_pipeline::movement::write_only,
      [&](tile_id which, const carried& memory) {
        return work_.for_slices(which, memory, where_.at(which).range, tile_work::access::fill,
                                [&](const auto& each) { return fill(each); });
      },
      tile_pipeline::after::keep_last);
}

status state_access::fill(const tile_work::slice& each) const {
  const layer_id layer = where_.at(each.tile).layer;
  const auto values = std::make_unique<slice_values>();
  values->fill(0.0F);
  for (const parameter_id which : declared_.at(layer).parameters) {
    const parameter& source = declared_.at(which);
    const element_range home = where_.range_of(which);
    const element_range common = intersect(home, each.range);
    if (!common.empty() && source.options.init) {
      source.options.init(
          {common.begin - home.begin, common.count},
          std::span(*values).subspan((common.begin - each.range.begin).value, common.count.value));
    }
  }
  std::uint32_t findings = found_nothing;
  each.by->encode_master(where_.at(layer).stored, std::span(*values).first(each.range.count.value),
                         each.view, findings);
  if ((findings & found_weight_overflow) != 0) {
    return overflow(declared_.at(layer).name);
  }
  return {};
}

result<state_access::run> state_access::locate(parameter_id which, elements first,
                                               std::size_t count) const {
  if (which.value >= declared_.parameters().size() ||
      first.value + count > declared_.at(which).count.value) {
    return failure{errc::invalid_argument, "a range of state lies inside its parameter"};
  }
  const parameter& of = declared_.at(which);
  const element_range home = where_.range_of(which);
  run found{of.layer, {home.begin + first, {count}}, {}};
  const layer_layout& placed = where_.at(of.layer);
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    const tile& each = where_.tiles()[i];
    if (each.owned && !intersect(each.range, found.range).empty()) {
      found.tiles.push_back({i});
    }
  }
  return found;
}

status state_access::read(parameter_id which, state_part part, elements first,
                          std::span<float> values) {
  const auto found = locate(which, first, values.size());
  if (!found) {
    return found.error();
  }
  const layer_layout& placed = where_.at(found->layer);
  const auto copy_out = [&](const tile_work::slice& each) -> status {
    const auto whole = std::make_unique<slice_values>();
    const auto all = std::span(*whole).first(each.range.count.value);
    switch (part) {
      case state_part::weights: widen_weights(placed.arrays().weights, each.view, all); break;
      case state_part::master: each.by->decode_master(placed.stored, each.view, all); break;
      case state_part::momentum:
      case state_part::variance:
        if (is_absent(part, each.view)) {
          std::ranges::fill(all, 0.0F);
        } else {
          each.by->decode_moment(placed.stored, part, each.view, all);
        }
        break;
    }
    const element_range common = intersect(each.range, found->range);
    std::ranges::copy(all.subspan((common.begin - each.range.begin).value, common.count.value),
                      values.subspan((common.begin - found->range.begin).value).begin());
    return {};
  };
  if (auto looked = pipeline_.run(found->tiles, tile_pipeline::movement::read_only,
                                  [&](tile_id tile, const carried& memory) {
                                    return work_.for_slices(tile, memory, found->range,
                                                            tile_work::access::look, copy_out);
                                  });
      !looked) {
    return looked;
  }
  return where_.held().replicates() ? status() : gather(*found, values);
}

/// Every rank has read what it owns.
status state_access::gather(const run& found, std::span<float> values) {
  std::vector<element_range> shards;
  for (const element_range& shard : where_.at(found.layer).shards) {
    shards.push_back(part_within(shard, found.range));
  }
  const element_range own = shards[peers_.self().value];
  return peers_
      .all_gather(found.layer,
                  {.shard = std::as_bytes(values.subspan(own.begin.value, own.count.value)),
                   .whole = std::as_writable_bytes(values),
                   .shards = shards,
                   .element = size_of(dtype::f32)})
      .wait();
}

status state_access::write(parameter_id which, state_part part, elements first,
                           std::span<const float> values) {
  const auto found = locate(which, first, values.size());
  if (!found) {
    return found.error();
  }
  const layer_layout& placed = where_.at(found->layer);
  if (part == state_part::variance && !has_variance(placed.with)) {
    return failure{errc::invalid_argument,
                   fmt::format("\"{}\" has no variance: {} keeps none", declared_.at(which).name,
                               to_string(placed.with))};
  }
  const auto copy_in = [&](const tile_work::slice& each) -> status {
    const element_range common = intersect(each.range, found->range);
    const auto from = values.subspan((common.begin - found->range.begin).value, common.count.value);
    // Only the groups of 128 that are met: an int8 group's other values may change with its scale,
    // those of other groups and parameters may not.
    const element_range home = where_.range_of(which);
    const element_range groups = intersect(intersect(groups_around(common), home), each.range);
    const state_view view = sub_view(placed.arrays(), placed.arrays().weights, each.view,
                                     groups.begin - each.range.begin, groups.count);
    const std::uint64_t at = (common.begin - groups.begin).value;
    const auto whole = std::make_unique<slice_values>();
    const auto all = std::span(*whole).first(groups.count.value);
    if (is_moment(part)) {
      each.by->decode_moment(placed.stored, part, view, all);
      std::ranges::copy(from, all.subspan(at).begin());
      each.by->encode_moment(placed.stored, part, all, view);
      return {};
    }
    each.by->decode_master(placed.stored, view, all);
    std::ranges::copy(from, all.subspan(at).begin());
    state_view without_moments = view;
    without_moments.momentum = nullptr;
    without_moments.variance = nullptr;
    without_moments.momentum_scale = nullptr;
    without_moments.variance_scale = nullptr;
    std::uint32_t findings = found_nothing;
    each.by->encode_master(placed.stored, all, without_moments, findings);
    return (findings & found_weight_overflow) != 0 ? status(overflow(declared_.at(which).name))
                                                   : status();
  };
  return pipeline_.run(found->tiles, tile_pipeline::movement::read_and_write,
                       [&](tile_id tile, const carried& memory) {
                         return work_.for_slices(tile, memory, found->range,
                                                 tile_work::access::change, copy_in);
                       });
}

}  // namespace ballast
