#include "assignment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>

namespace ballast {
namespace {

constexpr bytes device_alignment{256};

/// Whether more than the spare room may be used in it.
bool is_usable(const nvme_folder& of, bytes spare) {
  return !of.size || *of.size >= spare + extent_alignment;
}

/// Of all folders together that can be used; none where one of them has none.
std::optional<bytes> nvme_budget(const engine_config& config, bytes spare) {
  bytes sum;
  for (const nvme_folder& each : config.nvme) {
    if (!each.size) {
      return std::nullopt;
    }
    sum += is_usable(each, spare) ? *each.size : bytes{};
  }
  return config.nvme.empty() ? std::nullopt : std::optional(sum);
}

}  // namespace

assignment::assignment(const model& declared, const layout& where, const engine_config& config,
                       const std::array<bytes, place_count>& reserved,
                       std::vector<place> tile_places)
    : declared_(declared), where_(where), config_(config), reserved_(reserved) {
  drawn_.tile_places = std::move(tile_places);
  size_slots();
  size_store();
  list_device();
  list_host();
  list_rest();
}

/// One array of all tiles, where it rests there.
bytes assignment::sum(place wanted, tile_array array) const {
  bytes total;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    if (place_of(array, where_, where_.at(each.layer), drawn_.tile_places[i], config_) == wanted) {
      total += bytes_of(where_, each).of(array);
    }
  }
  return total;
}

/// fp32 sums of all tiles on the device, or of all that are not.
bytes assignment::sum_of_sums(bool on_device) const {
  bytes total;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    if (on(i, place::device) == on_device) {
      total += bytes_of(where_, where_.tiles()[i]).sums;
    }
  }
  return total;
}

/// The live extents of one array.
bytes assignment::on_nvme(tile_array array) const {
  bytes total;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    total += on(i, place::nvme) ? room_of(where_, where_.tiles()[i], config_).of(array) : bytes{};
  }
  return total;
}

/// Gradients that would rest on NVMe, were they not summed.
bytes assignment::kept_by_sums() const {
  bytes total;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile_bytes sizes = bytes_of(where_, where_.tiles()[i]);
    const bool kept =
        config_.gradients == place::nvme && on(i, place::nvme) && sizes.sums.value > 0;
    total += kept ? sizes.of(tile_array::gradient) : bytes{};
  }
  return total;
}

void assignment::size_slots() {
  std::uint32_t movable = 0;
  std::uint32_t with_gradient = 0;
  for (std::uint32_t i = 0; i < where_.layers().size(); ++i) {
    const layer_layout& layer = where_.layers()[i];
    if (!is_resident(where_, declared_, {i}, drawn_.tile_places)) {
      ++movable;
      const bytes whole = size_of(layer.arrays().weights) * layer.buffer.value;
      drawn_.layer_slots.size =
          std::max(drawn_.layer_slots.size, round_up(whole, device_alignment));
    }
    if (layer.takes_gradient) {
      ++with_gradient;
      const bytes whole = size_of(dtype::f32) * layer.buffer.value;
      drawn_.gradient_slots.size =
          std::max(drawn_.gradient_slots.size, round_up(whole, device_alignment));
    }
  }
  drawn_.layer_slots.count = std::min(config_.layer_slots, movable);
  drawn_.gradient_slots.count = std::min(config_.gradient_slots, with_gradient);
  size_exchange();
}

/// Where ranks reduce gradients that are not at home: at stage 1 they are, all of them.
void assignment::size_exchange() {
  if (where_.held().alone() || where_.held().stage == 1) {
    return;
  }
  std::uint32_t reduced = 0;
  for (const layer_layout& each : where_.layers()) {
    if (each.trainable()) {
      ++reduced;
      const bytes whole = size_of(each.arrays().weights) * each.size.value;
      drawn_.exchange.size = std::max(drawn_.exchange.size, round_up(whole, device_alignment));
    }
  }
  drawn_.exchange.count = std::min(config_.gradient_slots, reduced);
}

void assignment::size_store() {
  // What all ranks have the first one saves.
  const bool saves = config_.checkpoint_directory &&
                     (!where_.held().replicates() || where_.held().self == rank{0});
  drawn_.generations = saves ? 1 + config_.kept_checkpoints : 1;
  std::uint32_t stored = 0;
  bool sums_in_host = false;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    const tile_bytes sizes = bytes_of(where_, each);
    sums_in_host = sums_in_host || (!on(i, place::device) && sizes.sums.value > 0);
    if (on(i, place::nvme) && each.owned) {
      const tile_room room = room_of(where_, each, config_);
      const tile_room kept = room.lasting();
      const std::uint32_t older = drawn_.generations - 1;
      drawn_.nvme += room.total() + kept.total() * older;
      drawn_.slices += room.slices() + kept.slices() * older;
      drawn_.staging.size = std::max(drawn_.staging.size, room.total());
      drawn_.relay.size = std::max(drawn_.relay.size, room.of(tile_array::weights));
      drawn_.gradient_relay.size =
          std::max(drawn_.gradient_relay.size, room.of(tile_array::gradient));
      drawn_.slice_buffers.size = std::max(drawn_.slice_buffers.size, slice_of(each));
      ++stored;
    }
  }
  const bool inlined = config_.io == io_backend::inlined;
  const std::uint32_t at_once = std::min(config_.pipeline_depth, stored);
  drawn_.staging.count = inlined ? 0 : at_once;
  drawn_.slice_buffers.count = inlined && stored > 0 ? std::max(config_.threads, 1U) : 0;
  for (slot_pool* const each : {&drawn_.relay, &drawn_.gradient_relay}) {
    each->count = each->size.value > 0 ? at_once : 0;
  }
  size_activations();
  size_spare();
  size_checkpoint_staging();
  size_undo();
  if (sums_in_host) {
    drawn_.chunk_staging = {2, size_of(dtype::f32) * chunk_elements.value};
  }
}

/// What a slice of a tile has on NVMe.
bytes assignment::slice_of(const tile& which) const {
  const elements slice = std::min(which.range.count, slice_elements);
  bytes sum;
  for (const tile_array each : tile_arrays) {
    if (place_of(each, where_, where_.at(which.layer), place::nvme, config_) == place::nvme) {
      sum += size_of(each, where_.at(which.layer).arrays(), slice);
    }
  }
  return round_up(sum, extent_alignment);
}

/// The caller's reservation on NVMe, in pages.
void assignment::size_activations() {
  const bytes reserved = reserved_[static_cast<std::size_t>(place::nvme)];
  const auto pages = static_cast<std::uint32_t>(reserved / activation_page);
  drawn_.activation_pages = {pages, activation_page};
  drawn_.activation_relay = {std::min(pages, activation_buffers), activation_page};
  drawn_.nvme += drawn_.activation_pages.total();
  drawn_.slices += pages;
}

/// Where there are several folders: in each of them room for a tile or page whose write failed in
/// another one, and for one more because extents are not cut to fit a folder's share.
void assignment::size_spare() {
  if (config_.nvme.size() < 2 || drawn_.nvme.value == 0) {
    return;
  }
  drawn_.spare.size = std::max(drawn_.staging.size, drawn_.activation_relay.size) * 2;
  drawn_.spare.count = static_cast<std::uint32_t>(std::ranges::count_if(
      config_.nvme, [&](const nvme_folder& each) { return is_usable(each, drawn_.spare.size); }));
}

/// Tiles whose update may begin before it is known that it will stand: what rests on NVMe stays in
/// its extent meanwhile, beside a second one; weights that do not are kept in host memory. Only the
/// largest extents, so that every one that is free fits the next.
void assignment::size_undo() {
  std::uint32_t tiles = 0;
  bytes weights;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    const tile_bytes sizes = bytes_of(where_, each);
    const bool waits = !where_.updates(each) || sizes.sums.value > 0;
    const tile_room room = room_of(where_, each, config_).lasting();
    if (!on(i, place::nvme) || waits || room.total() < drawn_.undo_room.total()) {
      continue;
    }
    tiles = room == drawn_.undo_room ? tiles + 1 : 1;
    drawn_.undo_room = room;
    weights = std::max(weights, sizes.of(tile_array::weights));
  }
  if (tiles == 0) {
    return;
  }
  const std::uint64_t room = config_.undo_memory.value / weights.value;
  drawn_.undo.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, tiles));
  drawn_.undo.size = config_.weights == place::host ? weights : bytes{};
  drawn_.nvme += drawn_.undo_room.total() * drawn_.undo.count;
  drawn_.slices += drawn_.undo_room.slices() * drawn_.undo.count;
}

void assignment::size_checkpoint_staging() {
  if (!config_.checkpoint_directory) {
    return;
  }
  drawn_.checkpoint_staging.count = checkpoint_buffers;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    const layer_layout& layer = where_.at(each.layer);
    for (const tile_array array : lasting_arrays) {
      if (place_of(array, where_, layer, drawn_.tile_places[i], config_) != place::nvme) {
        const bytes saved = size_of(array, layer.arrays(), each.range.count);
        drawn_.checkpoint_staging.size =
            std::max(drawn_.checkpoint_staging.size, round_up(saved, extent_alignment));
      }
    }
  }
  // What is read may come from tiles of any place and length, a whole slice at a time at least.
  for (const layer_layout& each : where_.layers()) {
    const elements read = std::min(each.size, std::max(config_.tile_elements, slice_elements));
    const bytes weights = size_of(each.arrays().weights) * read.value;
    drawn_.checkpoint_staging.size =
        std::max(drawn_.checkpoint_staging.size, round_up(weights, extent_alignment));
    drawn_.checkpoint_reading =
        std::max(drawn_.checkpoint_reading, round_up(each.arrays().state(read), extent_alignment));
  }
}

/// Host memory that the budget leaves holds tiles that would have to be read again.
void assignment::use_rest_as_cache() {
  plan& summary = drawn_.summary;
  std::vector<tile_room> moved;  // of each tile that a step reads and writes
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    if (on(i, place::nvme) && where_.updates(where_.tiles()[i])) {
      moved.push_back(moved_of(where_, where_.tiles()[i], config_));
    }
  }
  const bytes used = summary.total(place::host);
  // Where workers move slices themselves there is no tile that could stay.
  if (moved.empty() || !config_.host_memory || used >= *config_.host_memory ||
      drawn_.staging.count == 0) {
    return;
  }
  const std::uint64_t room = (*config_.host_memory - used).value / drawn_.staging.size.value;
  const std::size_t cached = std::min<std::size_t>(room, moved.size());
  drawn_.cached_tiles = static_cast<std::uint32_t>(cached);
  line(place::host, fmt::format("cache, {} of {} tiles", cached, moved.size()),
       drawn_.staging.size * cached);
  drawn_.staging.count += drawn_.cached_tiles;
  summary.cached_tiles = drawn_.cached_tiles;
  // A step finds the head in the cache, and leaves the tail's state there.
  for (std::size_t i = 0; i < cached; ++i) {
    summary.nvme_step = summary.nvme_step - moved[i].lasting().total() -
                        moved[moved.size() - 1 - i].of(tile_array::state);
  }
}

void assignment::line(place of, std::string name, bytes size) {
  if (size.value > 0) {
    drawn_.summary.consumers.push_back({of, std::move(name), size});
  }
}

void assignment::list_device() {
  line(place::device, fmt::format("layer weights, {} slots", drawn_.layer_slots.count),
       drawn_.layer_slots.total());
  line(place::device, fmt::format("layer gradients, {} slots", drawn_.gradient_slots.count),
       drawn_.gradient_slots.total());
  line(place::device, fmt::format("gradient exchange, {} slots", drawn_.exchange.count),
       drawn_.exchange.total());
  const auto resident = [&](const char* name, bytes size) {
    line(place::device, name, round_up(size, device_alignment));
  };
  resident("resident weights", sum(place::device, tile_array::weights));
  resident("resident optimizer state", sum(place::device, tile_array::state));
  resident("resident gradients", sum(place::device, tile_array::gradient));
  resident("resident gradient sums", sum_of_sums(true));
  resident("caller", reserved_[0]);
}

void assignment::list_host() {
  line(place::host, "weights", sum(place::host, tile_array::weights));
  const bytes summed = kept_by_sums();
  line(place::host, "gradients", sum(place::host, tile_array::gradient) - summed);
  line(place::host, "gradients that are summed", summed);
  line(place::host, "gradient sums", sum_of_sums(false));
  line(place::host, "optimizer state", sum(place::host, tile_array::state));
  line(place::host, fmt::format("staging, {} tiles", drawn_.staging.count), drawn_.staging.total());
  line(place::host, fmt::format("slice buffers of {} workers", drawn_.slice_buffers.count),
       drawn_.slice_buffers.total());
  line(place::host, fmt::format("weight relay, {} tiles", drawn_.relay.count),
       drawn_.relay.total());
  line(place::host, fmt::format("gradient relay, {} tiles", drawn_.gradient_relay.count),
       drawn_.gradient_relay.total());
  line(place::host, fmt::format("activation relay, {} pages", drawn_.activation_relay.count),
       drawn_.activation_relay.total());
  line(place::host, "gradient staging", drawn_.chunk_staging.total());
  line(place::host, fmt::format("checkpoint staging, {} buffers", drawn_.checkpoint_staging.count),
       drawn_.checkpoint_staging.total());
  line(place::host, "checkpoint reading, state of a tile", drawn_.checkpoint_reading);
  line(place::host, fmt::format("undo, weights of {} tiles", drawn_.undo.count),
       drawn_.undo.total());
  line(place::host, "store's bounce buffer",
       drawn_.nvme.value > 0 ? bounce_buffer * std::max(drawn_.spare.count, 1U) : bytes{});
  // A save has one for its file; a load for that, and for each folder of the run that was saved.
  const auto folders = static_cast<std::uint32_t>(config_.nvme.size());
  line(place::host, "checkpoint's bounce buffers",
       config_.checkpoint_directory ? bounce_buffer * (1 + std::max(folders, 1U)) : bytes{});
  // Where ranks share them, once more on their way.
  line(place::host, "block sums",
       bytes{8} * where_.blocks() * (where_.held().replicates() ? 1 : 2));
  line(place::host, "digests", bytes{16} * drawn_.slices);
  line(place::host, "caller", reserved_[static_cast<std::size_t>(place::host)]);
}

void assignment::list_rest() {
  plan& summary = drawn_.summary;
  const bytes undo = drawn_.undo_room.total() * drawn_.undo.count;
  const bytes state = on_nvme(tile_array::state);
  const bytes weights = on_nvme(tile_array::weights);
  line(place::nvme, "optimizer state", state);
  line(place::nvme, "weights", weights);
  line(place::nvme,
       fmt::format("the same in {} kept checkpoint{}", drawn_.generations - 1,
                   drawn_.generations == 2 ? "" : "s"),
       (state + weights) * (drawn_.generations - 1));
  line(place::nvme, "gradients", on_nvme(tile_array::gradient));
  line(place::nvme, "activations", drawn_.activation_pages.total());
  line(place::nvme, fmt::format("undo, {} tiles once more", drawn_.undo.count), undo);
  line(place::nvme, fmt::format("spare, 2 tiles in each of {} folders", drawn_.spare.count),
       drawn_.spare.total());
  summary.budgets[static_cast<std::size_t>(place::device)] = config_.device_memory;
  summary.budgets[static_cast<std::size_t>(place::host)] = config_.host_memory;
  summary.budgets[static_cast<std::size_t>(place::nvme)] = nvme_budget(config_, drawn_.spare.size);
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const auto at = static_cast<std::size_t>(drawn_.tile_places[i]);
    summary.tiles[at] += where_.tiles()[i].owned ? 1 : 0;
  }
  for (const parameter& each : declared_.parameters()) {
    summary.parameters += each.count;
  }
  for (const tile& each : where_.tiles()) {
    const tile_bytes parts = bytes_of(where_, each);
    for (const bytes array : parts.arrays) {
      summary.state += array;
    }
  }
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    if (on(i, place::nvme) && where_.updates(each)) {
      summary.nvme_step += moved_of(where_, each, config_).total() * 2;
    }
  }
}

}  // namespace ballast
