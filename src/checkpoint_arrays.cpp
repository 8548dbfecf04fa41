#include "checkpoint_arrays.hpp"

#include <ballast/rounding.hpp>
#include <cstring>

#include "state_views.hpp"

namespace ballast {
namespace {

std::size_t index_of(tile_array which) { return static_cast<std::size_t>(which); }

const manifest::array& of(const manifest::run& run, tile_array which) {
  return which == tile_array::weights ? run.weights : run.state;
}

}  // namespace

bytes size_of(tile_array which, const state_layout& arrays, elements count) {
  return which == tile_array::weights ? size_of(arrays.weights) * count.value : arrays.state(count);
}

slice_pieces pieces_of(tile_array which, const state_layout& arrays, std::span<std::byte> memory,
                       elements whole, element_range part) {
  if (which == tile_array::state) {
    return pieces_of(arrays, sub_view(arrays, arrays.weights, view_of(arrays, memory, whole),
                                      part.begin, part.count));
  }
  const bytes width = size_of(arrays.weights);
  return {memory.subspan((width * part.begin.value).value, (width * part.count.value).value)};
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
  const auto from = array == tile_array::weights ? home.weights : home.state;
  if (auto filled = fill(buffer, home, from.first(size.value)); !filled) {
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
                                                     const engine_config& config, backends& parts) {
  std::unique_ptr<run_reader> made(new run_reader(read, where));
  std::vector<std::uint32_t> slices(read.stores.size());
  for (const manifest::run& each : read.runs) {
    slices[each.weights.store] += static_cast<std::uint32_t>(each.weights.digests.size());
    slices[each.state.store] += static_cast<std::uint32_t>(each.state.digests.size());
  }
  for (std::size_t i = 0; i < read.stores.size(); ++i) {
    auto opened = parts.open_store(config, read.stores[i], slices[i]);
    if (!opened) {
      return opened.error();
    }
    made->stores_.push_back(*std::move(opened));
  }
  std::array<bytes, 2> largest{};
  for (const manifest::run& each : read.runs) {
    for (const tile_array array : {tile_array::weights, tile_array::state}) {
      const std::size_t kind = index_of(array);
      if (auto adopted = made->adopt(of(each, array), made->extents_[kind], largest[kind]);
          !adopted) {
        return adopted.error();
      }
      const auto layer = where.at(layer_id{each.layer}).arrays();
      if (size_of(array, layer, each.range.count) > of(each, array).size) {
        return failure{errc::corrupted, "the manifest cannot be used: an array is too short"};
      }
    }
  }
  for (std::size_t kind = 0; kind < 2; ++kind) {
    loaded& into = made->loaded_[kind];
    into.size = round_up(largest[kind], extent_alignment);
    into.memory.reset(
        static_cast<std::byte*>(std::aligned_alloc(extent_alignment.value, into.size.value)));
    if (into.memory == nullptr) {
      return failure{errc::exhausted, "no memory to read a checkpoint's tiles into"};
    }
  }
  return made;
}

status run_reader::adopt(const manifest::array& array, std::vector<extent>& into, bytes& largest) {
  auto adopted = stores_[array.store]->adopt(array.address, array.size, array.digests);
  if (!adopted) {
    return failure{errc::corrupted,
                   "the manifest cannot be used: " + std::string(adopted.error().message)};
  }
  into.push_back(*adopted);
  largest = std::max(largest, array.size);
  return {};
}

result<std::span<std::byte>> run_reader::read(std::size_t index, tile_array array) {
  const std::size_t kind = index_of(array);
  const manifest::run& run = manifest_.runs[index];
  const state_layout arrays = where_.at(layer_id{run.layer}).arrays();
  const extent& where = extents_[kind][index];
  const std::span memory(loaded_[kind].memory.get(), where.size.value);
  const auto used = memory.first(size_of(array, arrays, run.range.count).value);
  if (loaded_[kind].run == index) {
    return used;
  }
  loaded_[kind].run.reset();
  store& from = *stores_[of(run, array).store];
  if (auto got = from.read().submit({.address = where.address, .memory = memory}).wait(); !got) {
    return got.error();
  }
  for (std::uint32_t i = 0; i < where.slices; ++i) {
    const elements first = manifest_.slice * i;
    const element_range part{first, std::min(manifest_.slice, run.range.count - first)};
    if (auto same = from.check(where, i, pieces_of(array, arrays, used, run.range.count, part));
        !same) {
      return same.error();
    }
  }
  loaded_[kind].run = index;
  return used;
}

status array_restorer::restore(tile_id which) {
  const tile& of = where_.at(which);
  while (manifest_.runs[first_run_].layer < of.layer.value ||
         manifest_.runs[first_run_].range.end() <= of.range.begin) {
    ++first_run_;  // the manifest covers every layer: there is one that meets the tile
  }
  if (auto done = restore(which, tile_array::weights); !done) {
    return done;
  }
  return restore(which, tile_array::state);
}

status array_restorer::restore(tile_id which, tile_array array) {
  const tile_home& home = homes_.at(which);
  const auto target = array == tile_array::weights ? home.weights : home.state;
  if (home.where == place::nvme && array == tile_array::state) {
    const std::size_t slot = next_slot_++ % written_.size();
    const auto memory = homes_.staging(static_cast<std::uint32_t>(slot));
    if (auto settled = settle(slot); !settled) {
      return settled;
    }
    if (auto assembled = assemble(where_.at(which), array, memory); !assembled) {
      return assembled;
    }
    return write(which, array, memory, slot);
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

/// Gathers a tile's array from the runs it meets.
status array_restorer::assemble(const tile& of, tile_array array, std::span<std::byte> into) {
  const state_layout arrays = where_.at(of.layer).arrays();
  for (std::size_t i = first_run_; i < manifest_.runs.size(); ++i) {
    const manifest::run& run = manifest_.runs[i];
    if (run.layer != of.layer.value || run.range.begin >= of.range.end()) {
      break;
    }
    const auto from = from_.read(i, array);
    if (!from) {
      return from.error();
    }
    copy_common(array, arrays, *from, run.range, into, of.range);
  }
  return {};
}

status array_restorer::write(tile_id which, tile_array array, std::span<std::byte> memory,
                             std::size_t slot) {
  const tile& of = where_.at(which);
  const state_layout arrays = where_.at(of.layer).arrays();
  stored_tiles& stored = homes_.stored();
  if (auto renewed = stored.renew(which); !renewed) {
    return renewed;
  }
  const extent& where = stored.latest(which);
  const auto rest =
      memory.first(where.size.value).subspan(size_of(array, arrays, of.range.count).value);
  std::fill(rest.begin(), rest.end(), std::byte{0});
  for (std::uint32_t i = 0; i < where.slices; ++i) {
    const elements first = slice_elements * i;
    homes_.on_disk()->stamp(where, i,
                            pieces_of(array, arrays, memory, of.range.count,
                                      {first, std::min(slice_elements, of.range.count - first)}));
  }
  written_[slot] = {homes_.on_disk()->write().submit({.address = where.address,
                                                      .memory = memory.first(where.size.value),
                                                      .urgency = priority::write_back}),
                    which};
  return {};
}

status array_restorer::settle(std::size_t slot) {
  if (!written_[slot].write.valid()) {
    return {};
  }
  const written over = std::exchange(written_[slot], {});
  const status outcome = over.write.wait();
  if (outcome) {
    homes_.stored().written(over.tile);
  }
  return outcome;
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
