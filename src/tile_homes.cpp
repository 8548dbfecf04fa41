#include "tile_homes.hpp"

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
  std::span<std::byte> weights, gradients, sums, states;
};

tile_bytes sum_of(const layout& where, const blueprint& drawn, bool on_device,
                  const engine_config& config) {
  tile_bytes sum{};
  for (std::size_t i = 0; i < where.tiles().size(); ++i) {
    const place at = drawn.tile_places[i];
    if ((at == place::device) == on_device) {
      const tile_bytes each = bytes_of(where, where.tiles()[i], config.several_pushes);
      const auto in_memory = [&](tile_array which, bytes size) {
        return place_of(which, at, config) == place::nvme ? bytes{} : size;
      };
      sum.weights += in_memory(tile_array::weights, each.weights);
      sum.gradient += each.gradient;
      sum.sums += each.sums;
      sum.state += in_memory(tile_array::state, each.state);
    }
  }
  return sum;
}

std::span<float> as_floats(std::span<std::byte> memory) {
  return {reinterpret_cast<float*>(memory.data()), memory.size() / sizeof(float)};
}

}  // namespace

result<std::unique_ptr<tile_homes>> tile_homes::make(const layout& where, const blueprint& drawn,
                                                     const engine_config& config, backends& parts,
                                                     bytes host_reserved, const first_touch& by,
                                                     activity_log& log) {
  std::unique_ptr<tile_homes> made(new tile_homes(log));
  if (auto opened = made->open(where, drawn, config, parts, host_reserved, by); !opened) {
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
                        backends& parts, bytes host_reserved, const first_touch& by) {
  auto opened = parts.make_device(config, drawn.summary.total(place::device));
  if (!opened) {
    return opened.error();
  }
  device_ = *std::move(opened);
  upload_.emplace(device_->upload(), activity::upload, log_);
  download_.emplace(device_->download(), activity::download, log_);
  const tile_bytes in_host = sum_of(where, drawn, false, config);
  // In the order in which they are taken.
  const std::array arrays = {drawn.staging.total(),
                             drawn.relay.total(),
                             drawn.slice_buffers.total(),
                             drawn.checkpoint_staging.total(),
                             drawn.checkpoint_reading,
                             drawn.chunk_staging.total(),
                             drawn.undo.total(),
                             in_host.weights,
                             in_host.gradient,
                             in_host.sums,
                             in_host.state};
  const bytes region = std::accumulate(arrays.begin(), arrays.end(), host_reserved);
  auto allocated = parts.make_host_region(region, arrays, by);
  if (!allocated) {
    return allocated.error();
  }
  region_ = *std::move(allocated);
  host_left_ = region_->span();
  const auto direct = host_left_.first((drawn.staging.total() + drawn.relay.total()).value);
  take_slots(host_left_, drawn.staging, staging_);
  take_slots(host_left_, drawn.relay, relay_);
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
  arrays host{take(host_left_, in_host.weights), take(host_left_, in_host.gradient),
              take(host_left_, in_host.sums), take(host_left_, in_host.state)};
  arrays dev;
  for (const auto& [array, size] :
       {std::pair{&dev.weights, in_device.weights}, std::pair{&dev.gradients, in_device.gradient},
        std::pair{&dev.sums, in_device.sums}, std::pair{&dev.states, in_device.state}}) {
    if (size.value > 0) {
      auto memory = device_->allocate(size);
      if (!memory) {
        return memory.error();
      }
      *array = *memory;
    }
  }
  for (std::size_t i = 0; i < where.tiles().size(); ++i) {
    const tile_bytes sizes = bytes_of(where, where.tiles()[i], config.several_pushes);
    tile_home home;
    home.where = drawn.tile_places[i];
    arrays& from = home.where == place::device ? dev : host;
    const tile_bytes& all = home.where == place::device ? in_device : in_host;
    const bool on_disk = home.where == place::nvme;
    home.share =
        on_disk ? share_before(from.gradients, all.gradient) : share_before(from.states, all.state);
    home.gradient = take(from.gradients, sizes.gradient);
    home.sums = as_floats(take(from.sums, sizes.sums));
    const auto in_memory = [&](tile_array which) {
      return place_of(which, home.where, config) != place::nvme;
    };
    home.weights = take(from.weights, in_memory(tile_array::weights) ? sizes.weights : bytes{});
    home.state = take(from.states, in_memory(tile_array::state) ? sizes.state : bytes{});
    homes_.push_back(home);
    if (auto placed = place_on_disk({static_cast<std::uint32_t>(i)}, where, config); !placed) {
      return placed;
    }
  }
  return {};
}

/// The first extents of what a tile has on NVMe.
status tile_homes::place_on_disk(tile_id which, const layout& where, const engine_config& config) {
  const tile& of = where.at(which);
  const auto slices = static_cast<std::uint32_t>(count_up(of.range.count, slice_elements));
  const tile_room room = room_of(where, of, config);
  for (const tile_array each : tile_arrays) {
    if (at(which).on_nvme(each)) {
      if (auto placed = stored(each).place(which, room.of(each), slices); !placed) {
        return placed;
      }
    }
  }
  return {};
}

}  // namespace ballast
