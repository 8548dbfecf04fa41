#include "tile_homes.hpp"

#include <algorithm>
#include <array>
#include <ballast/rounding.hpp>
#include <numeric>

namespace ballast {
namespace {

/// Takes `size` from the front of what is left.
std::span<std::byte> take(std::span<std::byte>& left, bytes size) {
  require(left.size() >= size.value, "the blueprint sizes what tile_homes takes");
  const auto taken = left.first(size.value);
  left = left.subspan(size.value);
  return taken;
}

/// How much of an array of `size` has been taken from its front.
double share_before(std::span<const std::byte> left, bytes size) {
  return size.value == 0 ? 0
                         : 1 - static_cast<double>(left.size()) / static_cast<double>(size.value);
}

/// Takes a pool's slots.
void take_slots(std::span<std::byte>& left, const slot_pool& pool,
                std::vector<std::span<std::byte>>& slots) {
  for (std::uint32_t i = 0; i < pool.count; ++i) {
    slots.push_back(take(left, pool.size));
  }
}

/// The arrays of all tiles of one kind of place, each array in one piece.
struct arrays {
  std::array<std::span<std::byte>, tile_array_count> of;
  std::span<std::byte> sums;
};

/// What a tile has in memory: on the device, or in the host's.
tile_bytes in_memory(const layout& where, const tile& which, place state,
                     const engine_config& config) {
  tile_bytes sizes = bytes_of(where, which);
  for (const tile_array each : tile_arrays) {
    if (place_of(each, where, where.at(which.layer), state, config) == place::nvme) {
      sizes.arrays[index_of(each)] = {};
    }
  }
  return sizes;
}

tile_bytes sum_of(const layout& where, const blueprint& drawn, bool on_device,
                  const engine_config& config) {
  tile_bytes sum{};
  for (std::size_t i = 0; i < where.tiles().size(); ++i) {
    const place at = drawn.tile_places[i];
    if ((at == place::device) == on_device) {
      const tile_bytes sizes = in_memory(where, where.tiles()[i], at, config);
      for (const tile_array each : tile_arrays) {
        sum.arrays[index_of(each)] += sizes.of(each);
      }
      sum.sums += sizes.sums;
    }
  }
  return sum;
}

/// Whether all ranks keep all of an array, so that it is gathered or summed where it rests.
bool peers_read(tile_array which, const partition& held) {
  return !held.replicates() && ((which == tile_array::weights && held.holds_all_weights()) ||
                                (which == tile_array::gradient && held.holds_all_gradients()));
}

std::span<float> as_floats(std::span<std::byte> memory) {
  return {reinterpret_cast<float*>(memory.data()), memory.size() / sizeof(float)};
}

/// Which part of its place's arrays lies before the tile's; `otherwise` where it has none in memory.
double share_of(const arrays& left, const tile_bytes& all, const tile_bytes& sizes,
                double otherwise) {
  for (const tile_array each : {tile_array::state, tile_array::gradient, tile_array::weights}) {
    if (sizes.of(each).value > 0) {
      return share_before(left.of[index_of(each)], all.of(each));
    }
  }
  return otherwise;
}

}  // namespace

std::span<std::byte> tile_home::memory(tile_array which) const {
  switch (which) {
    case tile_array::weights: return weights;
    case tile_array::state: return state;
    case tile_array::gradient: return gradient;
  }
  return {};
}

std::span<std::byte> tile_homes::whole(const layer_layout& of, tile_array which) const {
  std::span<std::byte> all = homes_[of.first_tile].memory(which);
  for (std::uint32_t i = of.first_tile + 1; i < of.first_tile + of.tiles; ++i) {
    const std::span<std::byte> next = homes_[i].memory(which);
    require(all.data() + all.size() == next.data(), "a layer that peers read is in one piece");
    all = {all.data(), all.size() + next.size()};
  }
  return all;
}

result<std::unique_ptr<tile_homes>> tile_homes::make(const layout& where, const blueprint& drawn,
                                                     const engine_config& config, backends& parts,
                                                     communicator& ranks, bytes host_reserved,
                                                     const first_touch& by, activity_log& log) {
  std::unique_ptr<tile_homes> made(new tile_homes(log));
  if (auto opened = made->open(where, drawn, config, parts, ranks, host_reserved, by); !opened) {
    return opened.error();
  }
  if (auto placed = made->place_slots(drawn); !placed) {
    return placed.error();
  }
  if (auto placed = made->place_tiles(where, drawn, config); !placed) {
    return placed.error();
  }
  made->caller_host_ = take(made->host_left_, host_reserved);
  return made;
}

status tile_homes::open(const layout& where, const blueprint& drawn, const engine_config& config,
                        backends& parts, communicator& ranks, bytes host_reserved,
                        const first_touch& by) {
  auto opened = parts.make_device(config, drawn.summary.total(place::device), &ranks);
  if (!opened) {
    return opened.error();
  }
  device_ = *std::move(opened);
  upload_.emplace(device_->upload(), activity::upload, log_);
  download_.emplace(device_->download(), activity::download, log_);
  const tile_bytes in_host = sum_of(where, drawn, false, config);
  if (auto shared = share(where, in_host, ranks); !shared) {
    return shared;
  }
  const auto not_shared = [&](tile_array which) {
    return peers_read(which, where.held()) ? bytes{} : in_host.of(which);
  };
  // In the order in which they are taken.
  const std::array arrays = {drawn.staging.total(),
                             drawn.relay.total(),
                             drawn.gradient_relay.total(),
                             drawn.activation_relay.total(),
                             drawn.slice_buffers.total(),
                             drawn.checkpoint_staging.total(),
                             drawn.checkpoint_reading,
                             drawn.chunk_staging.total(),
                             drawn.undo.total(),
                             not_shared(tile_array::weights),
                             not_shared(tile_array::gradient),
                             in_host.sums,
                             in_host.of(tile_array::state)};
  const bytes region = std::accumulate(arrays.begin(), arrays.end(), host_reserved);
  auto allocated = parts.make_host_region(region, arrays, by);
  if (!allocated) {
    return allocated.error();
  }
  region_ = *std::move(allocated);
  host_left_ = region_->span();
  const auto direct =
      host_left_.first((drawn.staging.total() + drawn.relay.total() + drawn.gradient_relay.total() +
                        drawn.activation_relay.total())
                           .value);
  take_slots(host_left_, drawn.staging, staging_);
  take_slots(host_left_, drawn.relay, relay_);
  take_slots(host_left_, drawn.gradient_relay, gradient_relay_);
  take_slots(host_left_, drawn.activation_relay, activation_relay_);
  take_slots(host_left_, drawn.slice_buffers, slice_buffers_);
  if (drawn.nvme.value == 0 && !config.nvme.empty()) {
    // A folder that was named and cannot be used is refused, although nothing rests there today.
    if (auto probed =
            parts.make_store(config, {.extents = extent_alignment, .spare = {}, .slices = 1}, {});
        !probed) {
      return probed.error();
    }
  }
  if (drawn.nvme.value > 0) {
    auto stored = parts.make_store(
        config, {.extents = drawn.nvme, .spare = drawn.spare.size, .slices = drawn.slices}, direct);
    if (!stored) {
      return stored.error();
    }
    store_ = *std::move(stored);
    read_.emplace(store_->read(), activity::read, log_);
    write_.emplace(store_->write(), activity::write, log_);
    for (auto& each : stored_) {
      each = std::make_unique<stored_tiles>(*store_, where.tiles().size());
    }
  }
  return {};
}

/// Every rank does, or none.
status tile_homes::share(const layout& where, const tile_bytes& in_host, communicator& ranks) {
  bytes size;
  bool any = false;
  for (const tile_array each : tile_arrays) {
    const bool read = peers_read(each, where.held());
    size += read ? in_host.of(each) : bytes{};
    any = any || read;
  }
  if (!any) {
    return {};
  }
  auto made = ranks.make_region(std::max(size, extent_alignment));
  if (!made) {
    return made.error();
  }
  shared_region_ = *std::move(made);
  shared_left_ = shared_region_->span();
  return {};
}

status tile_homes::place_slots(const blueprint& drawn) {
  const auto on_device = [&](const slot_pool& pool, auto& slots) -> status {
    for (std::uint32_t i = 0; i < pool.count; ++i) {
      auto memory = device_->allocate(pool.size);
      if (!memory) {
        return memory.error();
      }
      slots.push_back(*memory);
    }
    return {};
  };
  if (auto placed = on_device(drawn.layer_slots, layer_slots_); !placed) {
    return placed;
  }
  if (auto placed = on_device(drawn.gradient_slots, gradient_slots_); !placed) {
    return placed;
  }
  if (auto placed = on_device(drawn.exchange, exchange_); !placed) {
    return placed;
  }
  take_slots(host_left_, drawn.checkpoint_staging, checkpoint_);
  read_state_ = take(host_left_, drawn.checkpoint_reading);
  take_slots(host_left_, drawn.chunk_staging, chunks_);
  take_slots(host_left_, drawn.undo, undo_);
  return {};
}

status tile_homes::place_tiles(const layout& where, const blueprint& drawn,
                               const engine_config& config) {
  const tile_bytes in_device = sum_of(where, drawn, true, config);
  const tile_bytes in_host = sum_of(where, drawn, false, config);
  arrays host;
  for (const tile_array each : {tile_array::weights, tile_array::gradient}) {
    host.of[index_of(each)] =
        take(peers_read(each, where.held()) ? shared_left_ : host_left_, in_host.of(each));
  }
  host.sums = take(host_left_, in_host.sums);
  host.of[index_of(tile_array::state)] = take(host_left_, in_host.of(tile_array::state));
  arrays dev;
  const auto on_device = [&](std::span<std::byte>& array, bytes size) -> status {
    if (size.value > 0) {
      auto memory = device_->allocate(size);
      if (!memory) {
        return memory.error();
      }
      array = *memory;
    }
    return {};
  };
  for (const tile_array each : tile_arrays) {
    if (auto placed = on_device(dev.of[index_of(each)], in_device.of(each)); !placed) {
      return placed;
    }
  }
  if (auto placed = on_device(dev.sums, in_device.sums); !placed) {
    return placed;
  }
  for (std::size_t i = 0; i < where.tiles().size(); ++i) {
    tile_home home;
    home.where = drawn.tile_places[i];
    const tile_bytes sizes = in_memory(where, where.tiles()[i], home.where, config);
    arrays& from = home.where == place::device ? dev : host;
    home.share = share_of(from, home.where == place::device ? in_device : in_host, sizes,
                          static_cast<double>(i) / static_cast<double>(where.tiles().size()));
    const auto array = [&](tile_array which) {
      return take(from.of[index_of(which)], sizes.of(which));
    };
    home.weights = array(tile_array::weights);
    home.gradient = array(tile_array::gradient);
    home.sums = as_floats(take(from.sums, sizes.sums));
    home.state = array(tile_array::state);
    homes_.push_back(home);
    if (auto placed = place_on_disk({static_cast<std::uint32_t>(i)}, where, config); !placed) {
      return placed;
    }
  }
  return {};
}

/// The first extents of what a tile has on NVMe.
status tile_homes::place_on_disk(tile_id which, const layout& where, const engine_config& config) {
  tile_home& home = homes_[which.value];
  if (home.where != place::nvme) {
    return {};
  }
  const tile_room room = room_of(where, where.at(which), config);
  for (const tile_array each : tile_arrays) {
    if (room.of(each).value > 0) {
      home.stored[index_of(each)] = true;
      if (auto placed = stored(each).place(which, room.of(each), room.slices_each); !placed) {
        return placed;
      }
    }
  }
  return {};
}

}  // namespace ballast
