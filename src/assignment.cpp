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

/// One array of all tiles on the device, or of all that are not.
bytes assignment::sum(bool on_device, bytes tile_bytes::*array) const {
  bytes total;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    if (on(i, place::device) == on_device) {
      total += bytes_of(where_, where_.tiles()[i], config_.several_pushes).*array;
    }
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
}

void assignment::size_store() {
  drawn_.generations = config_.checkpoint_directory ? 1 + config_.kept_checkpoints : 1;
  std::uint32_t stored = 0;
  bool sums_in_host = false;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    const tile_bytes sizes = bytes_of(where_, each, config_.several_pushes);
    sums_in_host = sums_in_host || (!on(i, place::device) && sizes.sums.value > 0);
    if (on(i, place::nvme)) {
      const bytes whole = sizes.stored();
      drawn_.nvme += whole * drawn_.generations;
      drawn_.slices += drawn_.generations *
                       static_cast<std::uint32_t>(count_up(each.range.count, slice_elements));
      drawn_.staging.size = std::max(drawn_.staging.size, whole);
      ++stored;
    }
  }
  drawn_.staging.count = std::min(config_.pipeline_depth, stored);
  size_spare();
  size_checkpoint_staging();
  size_undo();
  if (sums_in_host) {
    drawn_.chunk_staging = {2, size_of(dtype::f32) * chunk_elements.value};
  }
}

/// Where there are several folders: in each of them room for a tile whose write failed in another
/// one, and for one more because extents are not cut to fit a folder's share.
void assignment::size_spare() {
  if (config_.nvme.size() < 2 || drawn_.nvme.value == 0) {
    return;
  }
  drawn_.spare.size = drawn_.staging.size * 2;
  drawn_.spare.count = static_cast<std::uint32_t>(std::ranges::count_if(
      config_.nvme, [&](const nvme_folder& each) { return is_usable(each, drawn_.spare.size); }));
}

/// Tiles whose update may begin before it is known that it will stand: their weights are kept in
/// host memory meanwhile, their state in a second extent. Only the largest extents, so that every
/// one that is free fits the next.
void assignment::size_undo() {
  std::uint32_t tiles = 0;
  std::uint32_t slices = 0;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    const tile_bytes sizes = bytes_of(where_, each, config_.several_pushes);
    const bool waits = !where_.at(each.layer).trainable() || sizes.sums.value > 0;
    if (!on(i, place::nvme) || waits || sizes.stored() < drawn_.undo_extent) {
      continue;
    }
    tiles = sizes.stored() > drawn_.undo_extent ? 1 : tiles + 1;
    slices = static_cast<std::uint32_t>(count_up(each.range.count, slice_elements));
    drawn_.undo_extent = sizes.stored();
    drawn_.undo.size = std::max(drawn_.undo.size, sizes.weights);
  }
  if (tiles == 0) {
    return;
  }
  const std::uint64_t room = config_.undo_memory.value / drawn_.undo.size.value;
  drawn_.undo.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, tiles));
  drawn_.nvme += drawn_.undo_extent * drawn_.undo.count;
  drawn_.slices += slices * drawn_.undo.count;
}

void assignment::size_checkpoint_staging() {
  if (!config_.checkpoint_directory) {
    return;
  }
  drawn_.checkpoint_staging.count = checkpoint_buffers;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile_bytes sizes = bytes_of(where_, where_.tiles()[i], false);
    const bytes state = on(i, place::nvme) ? bytes{} : sizes.stored();
    drawn_.checkpoint_staging.size = std::max(
        {drawn_.checkpoint_staging.size, round_up(sizes.weights, extent_alignment), state});
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
  std::vector<bytes> moved;  // of each tile that a step reads and writes
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    if (on(i, place::nvme) && where_.at(where_.tiles()[i].layer).trainable()) {
      moved.push_back(bytes_of(where_, where_.tiles()[i], false).stored());
    }
  }
  const bytes used = summary.total(place::host);
  if (moved.empty() || !config_.host_memory || used >= *config_.host_memory) {
    return;
  }
  const std::uint64_t room = (*config_.host_memory - used).value / drawn_.staging.size.value;
  const std::size_t cached = std::min<std::size_t>(room, moved.size());
  drawn_.cached_tiles = static_cast<std::uint32_t>(cached);
  line(place::host, fmt::format("cache, {} of {} tiles", cached, moved.size()),
       drawn_.staging.size * cached);
  drawn_.staging.count += drawn_.cached_tiles;
  summary.cached_tiles = drawn_.cached_tiles;
  // A step finds the head in the cache, and leaves the tail there.
  for (std::size_t i = 0; i < cached; ++i) {
    summary.nvme_step = summary.nvme_step - moved[i] - moved[moved.size() - 1 - i];
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
  const auto resident = [&](bytes tile_bytes::*array) {
    return round_up(sum(true, array), device_alignment);
  };
  line(place::device, "resident weights", resident(&tile_bytes::weights));
  line(place::device, "resident optimizer state", resident(&tile_bytes::state));
  line(place::device, "resident gradients", resident(&tile_bytes::gradient));
  line(place::device, "resident gradient sums", resident(&tile_bytes::sums));
  line(place::device, "caller", round_up(reserved_[0], device_alignment));
}

void assignment::list_host() {
  bytes state;
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    if (on(i, place::host)) {
      state += bytes_of(where_, where_.tiles()[i], false).state;
    }
  }
  line(place::host, "weights", sum(false, &tile_bytes::weights));
  line(place::host, "gradients", sum(false, &tile_bytes::gradient));
  line(place::host, "gradient sums", sum(false, &tile_bytes::sums));
  line(place::host, "optimizer state", state);
  line(place::host, fmt::format("staging, {} tiles", drawn_.staging.count), drawn_.staging.total());
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
  line(place::host, "block sums", bytes{8} * where_.blocks());
  line(place::host, "digests", bytes{16} * drawn_.slices);
  line(place::host, "caller", reserved_[static_cast<std::size_t>(place::host)]);
}

void assignment::list_rest() {
  plan& summary = drawn_.summary;
  const bytes undo = drawn_.undo_extent * drawn_.undo.count;
  const bytes live{(drawn_.nvme - undo).value / drawn_.generations};
  line(place::nvme, "optimizer state", live);
  line(place::nvme,
       fmt::format("the same in {} kept checkpoint{}", drawn_.generations - 1,
                   drawn_.generations == 2 ? "" : "s"),
       drawn_.nvme - undo - live);
  line(place::nvme, fmt::format("undo, state of {} tiles", drawn_.undo.count), undo);
  line(place::nvme, fmt::format("spare, 2 tiles in each of {} folders", drawn_.spare.count),
       drawn_.spare.total());
  summary.budgets[static_cast<std::size_t>(place::device)] = config_.device_memory;
  summary.budgets[static_cast<std::size_t>(place::host)] = config_.host_memory;
  summary.budgets[static_cast<std::size_t>(place::nvme)] = nvme_budget(config_, drawn_.spare.size);
  for (const place each : drawn_.tile_places) {
    ++summary.tiles[static_cast<std::size_t>(each)];
  }
  for (const parameter& each : declared_.parameters()) {
    summary.parameters += each.count;
  }
  for (const tile& each : where_.tiles()) {
    const tile_bytes parts = bytes_of(where_, each, false);
    summary.state += parts.weights + parts.state + parts.gradient;
  }
  for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    if (on(i, place::nvme) && where_.at(each.layer).trainable()) {
      summary.nvme_step += bytes_of(where_, each, false).stored() * 2;
    }
  }
}

}  // namespace ballast
