#include "tile_work.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <ballast/rounding.hpp>

#include "first_failure.hpp"
#include "state_views.hpp"

namespace ballast {
namespace {

std::string_view to_string(tile_work::access how) {
  switch (how) {
    case tile_work::access::update: return "update";
    case tile_work::access::change: return "change";
    case tile_work::access::look: return "look";
    case tile_work::access::fill: return "fill";
  }
  return "?";
}

}  // namespace

status tile_work::for_slices(tile_id which, const carried& memory, element_range wanted, access how,
                             const body& each) const {
  const element_range whole = where_.at(which).range;
  const element_range part = intersect(whole, wanted);
  if (part.empty()) {
    return {};
  }
  const auto extents = renewed(which, how);
  if (!extents) {
    return extents.error();
  }
  const std::uint64_t first = (part.begin - whole.begin) / slice_elements;
  const std::uint64_t last = count_up(part.end() - whole.begin, slice_elements);
  // A digest covers its extent's address: in another extent every slice needs a new one.
  const bool moves = std::ranges::any_of(*extents, [](const auto& array) {
    return array && array->before.address != array->after.address;
  });
  const std::uint64_t all = count_up(whole.count, slice_elements);
  static const body nothing;
  const bool inlined = homes_.inlined() && homes_.at(which).where == place::nvme;
  first_failure outcome;
  const auto slices = [&] {
    tbb::parallel_for(moves ? 0 : first, moves ? all : last, [&](std::uint64_t index) {
      const bool wanted_too = index >= first && index < last;
      const auto at = static_cast<std::uint32_t>(index);
      const body& todo = wanted_too ? each : nothing;
      outcome.note(inlined
                       ? bring(which, at, how, *extents, todo)
                       : work_on(which, view_of_slice(which, memory, at), at, how, *extents, todo));
    });
  };
  // Isolated: a worker that waits for a slice must not begin a tile meanwhile.
  const auto alone = [&] { tbb::this_task_arena::isolate(slices); };
  // What rests on a device has no owner among the nodes.
  if (homes_.at(which).where == place::device) {
    alone();
  } else {
    workers_.on_owner(homes_.at(which).share, alone);
  }
  const status done = outcome.take();
  for (const tile_array array : lasting_arrays) {
    if (done && inlined && how != access::look && homes_.at(which).on_nvme(array)) {
      homes_.stored(array).written(which);
    }
  }
  return done;
}

result<tile_work::generations> tile_work::renewed(tile_id which, access how) const {
  generations all;
  for (const tile_array each : lasting_arrays) {
    if (!homes_.at(which).on_nvme(each)) {
      continue;
    }
    stored_tiles& stored = homes_.stored(each);
    const extent before = stored.latest(which);
    if (how != access::look) {
      if (auto renewed = stored.renew(which); !renewed) {
        return renewed.error();
      }
    }
    all[index_of(each)] = {before, stored.latest(which)};
  }
  if (how == access::update && homes_.at(which).on_nvme(tile_array::gradient)) {
    const extent& pushed = homes_.stored(tile_array::gradient).latest(which);
    all[index_of(tile_array::gradient)] = {pushed, pushed};
  }
  return all;
}

/// A slice's elements in its tile.
element_range tile_work::part_of(tile_id which, std::uint32_t index) const {
  const elements first = slice_elements * index;
  return {first, std::min(slice_elements, where_.at(which).range.count - first)};
}

/// In the flat index: what noise depends on.
elements tile_work::first_of(const tile& which) const {
  return block_elements * where_.at(which.layer).first_block + which.range.begin;
}

state_view tile_work::view_of_slice(tile_id which, const carried& memory,
                                    std::uint32_t index) const {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  state_view whole;
  if (!memory.state.empty()) {
    whole = view_of(arrays, memory.state, of.range.count);
  }
  whole.weights = memory.weights.data();
  whole.gradient = memory.gradient.empty() ? nullptr : memory.gradient.data();
  whole.first = first_of(of);
  const element_range part = part_of(which, index);
  return sub_view(arrays, arrays.weights, whole, part.begin, part.count);
}

state_view tile_work::view_of_slice(tile_id which, const slice_mover::loan& memory,
                                    std::uint32_t index) const {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  const tile_home& home = homes_.at(which);
  const slice_mover::slice mine{which, part_of(which, index)};
  // Of an array of one width: in the loan, or at home.
  const auto at_hand = [&](tile_array array, std::span<std::byte> at_home) -> std::byte* {
    if (home.on_nvme(array)) {
      return mover_.memory_of(mine, array, memory).data();
    }
    const bytes before = size_of(arrays.weights) * mine.part.begin.value;
    return at_home.empty() ? nullptr : at_home.data() + before.value;
  };
  state_view view =
      view_of(arrays, mover_.memory_of(mine, tile_array::state, memory), mine.part.count);
  view.weights = at_hand(tile_array::weights, home.weights);
  view.gradient = at_hand(tile_array::gradient, home.gradient);
  view.first = first_of(of) + mine.part.begin;
  return view;
}

/// A slice that is not at hand.
status tile_work::bring(tile_id which, std::uint32_t index, access how, const generations& of_tile,
                        const body& each) const {
  const slice_mover::slice mine{which, part_of(which, index)};
  slice_mover::extents before;
  slice_mover::extents after;
  for (std::size_t i = 0; i < of_tile.size(); ++i) {
    if (of_tile[i]) {
      before[i] = of_tile[i]->before;
    }
  }
  for (const tile_array array : lasting_arrays) {
    if (const auto& stored = of_tile[index_of(array)]) {
      after[index_of(array)] = stored->after;
    }
  }
  status outcome;
  // Isolated: a worker that waits inside `each` must not begin another slice meanwhile.
  tbb::this_task_arena::isolate([&] {
    const slice_mover::loan memory(mover_);
    outcome = how == access::fill ? status() : mover_.read(mine, before, memory);
    if (outcome) {
      const active_span busy(homes_.log(), activity::optimizer, to_string(how), subject::of(which));
      outcome = work_on(which, view_of_slice(which, memory, index), index, how, of_tile, each);
    }
    if (outcome && how != access::look) {
      outcome = mover_.write(mine, after, memory);
    }
  });
  return outcome;
}

status tile_work::work_on(tile_id which, const state_view& view, std::uint32_t index, access how,
                          const generations& of_tile, const body& each) const {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  const slice here{
      which,
      index,
      {of.range.begin + slice_elements * index, view.count},
      view,
      homes_.at(which).where == place::device ? &homes_.on_device().updates() : &host_updates_};
  for (const tile_array array : tile_arrays) {
    if (const auto& stored = of_tile[index_of(array)]; stored && how != access::fill) {
      if (auto same =
              homes_.on_disk()->check(stored->before, index, pieces_of(array, arrays, view));
          !same) {
        return same;
      }
    }
  }
  if (each) {
    if (auto done = each(here); !done) {
      return done;
    }
  }
  for (const tile_array array : lasting_arrays) {
    if (const auto& stored = of_tile[index_of(array)]; stored && how != access::look) {
      homes_.on_disk()->stamp(stored->after, index, pieces_of(array, arrays, view));
    }
  }
  return {};
}

void tile_work::stamp(tile_id which, tile_array array, const carried& memory) const {
  const state_layout arrays = where_.at(where_.at(which).layer).arrays();
  const extent& to = homes_.stored(array).latest(which);
  for (std::uint32_t i = 0; i < to.slices; ++i) {
    homes_.on_disk()->stamp(to, i, pieces_of(array, arrays, view_of_slice(which, memory, i)));
  }
}

void tile_work::update(const slice& each, std::span<const update_recipe> groups,
                       std::uint32_t& findings) const {
  const layer_layout& layer = where_.at(where_.at(each.tile).layer);
  const state_layout arrays = layer.arrays();
  for (const segment& part : layer.segments) {
    const element_range common = intersect(part.range, each.range);
    if (!common.empty()) {
      update_recipe recipe = groups[part.group.value];
      recipe.stored = layer.stored;
      recipe.gradient = arrays.weights;
      each.by->update(recipe,
                      sub_view(arrays, recipe.gradient, each.view, common.begin - each.range.begin,
                               common.count),
                      findings, {});
    }
  }
}

}  // namespace ballast
