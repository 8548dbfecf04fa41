#include "checkpoint_arrays.hpp"

#include <ballast/rounding.hpp>
#include <cstring>

#include "state_views.hpp"

namespace ballast {
namespace {

const manifest::array& of(const manifest::run& run, tile_array which) {
  return which == tile_array::weights ? run.weights : run.state;
}

}  // namespace

slice_pieces pieces_of(tile_array which, const state_layout& arrays, std::span<std::byte> memory,
                       elements whole, element_range part) {
  state_view view;
  view.weights = memory.data();
  if (which == tile_array::state) {
    view = view_of(arrays, memory, whole);
  }
  return pieces_of(which, arrays, sub_view(arrays, arrays.weights, view, part.begin, part.count));
}

void copy_common(tile_array which, const state_layout& arrays, std::span<std::byte> from,
                 element_range from_range, std::span<std::byte> to, element_range to_range) {
  const element_range common = intersect(from_range, to_range);
  const slice_pieces source = pieces_of(which, arrays, from, from_range.count,
                                        {common.begin - from_range.begin, common.count});
  const slice_pieces target =
      pieces_of(which, arrays, to, to_range.count, {common.begin - to_range.begin, common.count});
  for (std::size_t i = 0; i < source.size(); ++i) {
    require(source[i].size() == target[i].size(), "the same elements take the same bytes");
    const auto offset = static_cast<std::size_t>(target[i].data() - to.data());
    if (!source[i].empty()) {
      std::memcpy(to.data() + offset, source[i].data(), source[i].size());
    }
  }
}

result<extent> array_saver::save(tile_id which, tile_array array) {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  const tile_home& home = homes_.at(which);
  const bytes size = size_of(array, arrays, of.range.count);
  const auto slices = static_cast<std::uint32_t>(count_up(of.range.count, slice_elements));
  const auto where = into_.allocate(size, slices);
  if (!where) {
    return where.error();
  }
  const std::uint32_t slot = next_++ % checkpoint_buffers;
  if (under_way_[slot].valid()) {
    if (auto written = under_way_[slot].wait(); !written) {
      return written.error();
    }
  }
  const auto buffer = homes_.checkpoint_staging(slot).first(where->size.value);
  if (auto filled = fill(buffer, home, home.memory(array).first(size.value)); !filled) {
    return filled.error();
  }
  for (std::uint32_t i = 0; i < slices; ++i) {
    const elements first = slice_elements * i;
    into_.stamp(*where, i,
                pieces_of(array, arrays, buffer, of.range.count,
                          {first, std::min(slice_elements, of.range.count - first)}));
  }
  under_way_[slot] = into_.write().submit(
      {.address = where->address, .memory = buffer, .urgency = priority::write_back});
  return *where;
}

/// The array, and zeros behind it.
status array_saver::fill(std::span<std::byte> buffer, const tile_home& home,
                         std::span<std::byte> from) {
  const auto rest = buffer.subspan(from.size());
  std::fill(rest.begin(), rest.end(), std::byte{0});
  if (home.where != place::device) {
    std::memcpy(buffer.data(), from.data(), from.size());
    return {};
  }
  return homes_.on_device()
      .download()
      .submit({.address = address_of(from), .memory = buffer.first(from.size())})
      .wait();
}

status array_saver::finish() {
  status outcome;
  for (const ticket& each : under_way_) {
    if (each.valid()) {
      if (auto written = each.wait(); !written && outcome) {
        outcome = written;
      }
    }
  }
  return outcome;
}

result<std::unique_ptr<run_reader>> run_reader::open(const manifest& read, const layout& where,
                                                     const engine_config& config,
                                                     const tile_homes& homes, backends& parts) {
  std::unique_ptr<run_reader> made(new run_reader(read, where));
  std::vector<std::uint32_t> slices(read.stores.size());
  for (const manifest::run& each : read.runs) {
    if (!made->needs(each)) {
      continue;
    }
    slices[each.weights.store] += static_cast<std::uint32_t>(each.weights.digests.size());
    slices[each.state.store] += static_cast<std::uint32_t>(each.state.digests.size());
  }
  for (std::size_t i = 0; i < read.stores.size(); ++i) {
    if (slices[i] == 0) {
      made->stores_.push_back(nullptr);
      continue;
    }
    auto opened = parts.open_store(config, read.stores[i], slices[i]);
    if (!opened) {
      return opened.error();
    }
    made->stores_.push_back(*std::move(opened));
  }
  made->loaded_[index_of(tile_array::weights)].memory = homes.read_weights();
  made->loaded_[index_of(tile_array::state)].memory = homes.read_state();
  for (const manifest::run& each : read.runs) {
    for (const tile_array array : lasting_arrays) {
      if (auto adopted = made->adopt(each, array); !adopted) {
        return adopted.error();
      }
    }
  }
  return made;
}

/// Whether this rank owns anything of it.
bool run_reader::needs(const manifest::run& run) const {
  const layer_layout& placed = where_.at(layer_id{run.layer});
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    const tile& each = where_.tiles()[i];
    if (each.owned && !intersect(each.range, run.range).empty()) {
      return true;
    }
  }
  return false;
}

status run_reader::adopt(const manifest::run& run, tile_array array) {
  if (!needs(run)) {
    extents_[index_of(array)].emplace_back();
    return {};
  }
  const manifest::array& its = of(run, array);
  auto adopted = stores_[its.store]->adopt(its.address, its.size, its.digests);
  if (!adopted) {
    return failure{errc::corrupted,
                   "the manifest cannot be used: " + std::string(adopted.error().message)};
  }
  const state_layout arrays = where_.at(layer_id{run.layer}).arrays();
  if (size_of(array, arrays, run.range.count) > its.size) {
    return failure{errc::corrupted, "the manifest cannot be used: an array is too short"};
  }
  const bytes memory{loaded_[index_of(array)].memory.size()};
  const elements least = std::min(manifest_.slice, run.range.count);
  if (size_of(array, arrays, least) > memory) {
    return failure{errc::corrupted, "the manifest cannot be used: its slices are too long"};
  }
  extents_[index_of(array)].push_back(*adopted);
  return {};
}

result<run_reader::part> run_reader::read(std::size_t index, tile_array array, elements at) {
  const manifest::run& run = manifest_.runs[index];
  const state_layout arrays = where_.at(layer_id{run.layer}).arrays();
  const extent& where = extents_[index_of(array)][index];
  loaded& into = loaded_[index_of(array)];
  const elements inside = at - run.range.begin;
  if (into.run != index || !into.holds(inside)) {
    into.run.reset();
    into.range = {{0}, run.range.count};
    if (where.size.value > into.memory.size()) {
      const bytes slice = size_of(array, arrays, manifest_.slice);
      const elements fit = manifest_.slice * (into.memory.size() / slice.value);
      const elements begin{inside.value / manifest_.slice.value * manifest_.slice.value};
      into.range = {begin, std::min(fit, run.range.count - begin)};
    }
    if (auto got = load(run, array, where, into); !got) {
      return got.error();
    }
    into.run = index;
  }
  return part{into.memory.first(size_of(array, arrays, into.range.count).value),
              {run.range.begin + into.range.begin, into.range.count}};
}

/// Reads a part of a run, or all of it with what lies behind it, and checks every slice.
status run_reader::load(const manifest::run& run, tile_array array, const extent& where,
                        loaded& into) {
  const state_layout arrays = where_.at(layer_id{run.layer}).arrays();
  store& from = *stores_[of(run, array).store];
  std::vector<ticket> asked;
  if (where.size.value <= into.memory.size()) {
    asked.push_back(from.read().submit(
        {.address = where.address, .memory = into.memory.first(where.size.value)}));
  } else {
    for (const array_piece& each : pieces_within(array, arrays, run.range.count, into.range)) {
      if (each.size.value > 0) {
        asked.push_back(from.read().submit(
            {.address = {where.address.value + each.offset},
             .memory = into.memory.subspan(each.packed_offset, each.size.value)}));
      }
    }
  }
  status outcome;
  for (const ticket& each : asked) {
    if (auto got = each.wait(); !got && outcome) {
      outcome = got;
    }
  }
  const elements slice = manifest_.slice;
  const auto first = static_cast<std::uint32_t>(into.range.begin.value / slice.value);
  for (elements at{0}; at < into.range.count && outcome; at += slice) {
    outcome = from.check(where, first + static_cast<std::uint32_t>(at.value / slice.value),
                         pieces_of(array, arrays, into.memory, into.range.count,
                                   {at, std::min(slice, into.range.count - at)}));
  }
  return outcome;
}

status array_restorer::restore(tile_id which) {
  const tile& of = where_.at(which);
  while (manifest_.runs[first_run_].layer < of.layer.value ||
         manifest_.runs[first_run_].range.end() <= of.range.begin) {
    ++first_run_;  // the manifest covers every layer: there is one that meets the tile
  }
  for (const tile_array each : lasting_arrays) {
    if (auto done = restore(which, each); !done) {
      return done;
    }
  }
  return {};
}

status array_restorer::restore(tile_id which, tile_array array) {
  const tile_home& home = homes_.at(which);
  const auto target = home.memory(array);
  if (home.on_nvme(array) && homes_.inlined()) {
    return restore_by_slices(which, array);
  }
  if (home.on_nvme(array)) {
    const std::size_t slot = next_slot_++ % written_.size();
    const auto memory = homes_.staging(static_cast<std::uint32_t>(slot));
    if (auto settled = settle(slot); !settled) {
      return settled;
    }
    if (auto assembled = assemble(where_.at(which), array, memory); !assembled) {
      return assembled;
    }
    return write(which, array, slot);
  }
  if (home.where != place::device) {
    return assemble(where_.at(which), array, target);
  }
  const auto memory = homes_.checkpoint_staging(0).first(target.size());
  if (auto assembled = assemble(where_.at(which), array, memory); !assembled) {
    return assembled;
  }
  return homes_.on_device()
      .upload()
      .submit({.address = address_of(target), .memory = memory})
      .wait();
}

/// Where there is no staging for whole tiles.
status array_restorer::restore_by_slices(tile_id which, tile_array array) {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  stored_tiles& stored = homes_.stored(array);
  if (auto renewed = stored.renew(which); !renewed) {
    return renewed;
  }
  slice_mover::extents to;
  to[index_of(array)] = stored.latest(which);
  const slice_mover::loan buffer(mover_);
  for (std::uint32_t i = 0; i < stored.latest(which).slices; ++i) {
    const elements first = slice_elements * i;
    const slice_mover::slice slice{which,
                                   {first, std::min(slice_elements, of.range.count - first)}};
    const tile alone{of.layer, {of.range.begin + first, slice.part.count}};
    const auto memory = mover_.memory_of(slice, array, buffer);
    if (auto assembled = assemble(alone, array, memory); !assembled) {
      return assembled;
    }
    homes_.on_disk()->stamp(
        stored.latest(which), i,
        pieces_of(array, arrays, memory, slice.part.count, {{0}, slice.part.count}));
    if (auto moved = mover_.write(slice, to, buffer); !moved) {
      return moved;
    }
  }
  stored.written(which);
  return {};
}

/// Gathers a tile's array from the runs it meets.
status array_restorer::assemble(const tile& of, tile_array array, std::span<std::byte> into) {
  const state_layout arrays = where_.at(of.layer).arrays();
  for (std::size_t i = first_run_; i < manifest_.runs.size(); ++i) {
    const manifest::run& run = manifest_.runs[i];
    if (run.layer != of.layer.value || run.range.begin >= of.range.end()) {
      break;
    }
    const element_range common = intersect(run.range, of.range);
    for (elements at = common.begin; at < common.end();) {
      const auto from = from_.read(i, array, at);
      if (!from) {
        return from.error();
      }
      copy_common(array, arrays, from->memory, from->range, into, of.range);
      at = from->range.end();
    }
  }
  return {};
}

status array_restorer::write(tile_id which, tile_array array, std::size_t slot) {
  if (auto renewed = homes_.stored(array).renew(which); !renewed) {
    return renewed;
  }
  submit(which, array, slot);
  return {};
}

/// To the newest extent.
void array_restorer::submit(tile_id which, tile_array array, std::size_t slot) {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  const extent& where = homes_.stored(array).latest(which);
  const auto memory = homes_.staging(static_cast<std::uint32_t>(slot)).first(where.size.value);
  const auto rest = memory.subspan(size_of(array, arrays, of.range.count).value);
  std::fill(rest.begin(), rest.end(), std::byte{0});
  for (std::uint32_t i = 0; i < where.slices; ++i) {
    const elements first = slice_elements * i;
    homes_.on_disk()->stamp(where, i,
                            pieces_of(array, arrays, memory, of.range.count,
                                      {first, std::min(slice_elements, of.range.count - first)}));
  }
  written_[slot] = {
      homes_.on_disk()->write().submit(
          {.address = where.address, .memory = memory, .urgency = priority::write_back}),
      which, array};
}

/// Until what was written last from the slot's buffer is on disk: where one folder does not take it,
/// in another one.
status array_restorer::settle(std::size_t slot) {
  while (written_[slot].write.valid()) {
    const written over = std::exchange(written_[slot], {});
    stored_tiles& stored = homes_.stored(over.array);
    if (const status outcome = over.write.wait(); outcome) {
      stored.written(over.tile);
    } else if (auto moved = stored.move_away(over.tile, outcome.error()); !moved) {
      return moved;
    } else {
      submit(over.tile, over.array, slot);
    }
  }
  return {};
}

status array_restorer::finish() {
  status outcome;
  for (std::size_t slot = 0; slot < written_.size(); ++slot) {
    if (auto settled = settle(slot); !settled && outcome) {
      outcome = settled;
    }
  }
  return outcome;
}

}  // namespace ballast
