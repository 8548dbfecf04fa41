#include "blueprint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "assignment.hpp"

namespace ballast {
namespace {

/// `device` tiles, then `host` tiles, then the rest on `last`.
std::vector<place> prefix(std::size_t tiles, std::size_t device, std::size_t host, place last) {
  std::vector<place> places(tiles, last);
  std::fill_n(places.begin(), device, place::device);
  std::fill_n(places.begin() + static_cast<std::ptrdiff_t>(device), host, place::host);
  return places;
}

/// The largest n in [0, most] for which fits(n); fits is monotone and fits(0) is not asked.
template <class Fits>
std::size_t largest(std::size_t most, Fits fits) {
  std::size_t low = 0;
  while (low < most) {
    const std::size_t middle = low + (most - low + 1) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      most = middle - 1;
    }
  }
  return low;
}

/// Where peers gather a layer's weights or sum its gradient in place, all of it is in one piece, on
/// the device or not: at most `device` tiles there.
std::size_t whole_layers(const layout& where, std::size_t device) {
  if (where.held().replicates() || !where.held().holds_all_weights()) {
    return device;
  }
  std::size_t whole = 0;
  for (const layer_layout& each : where.layers()) {
    const std::size_t end = each.first_tile + each.tiles;
    whole = end <= device ? end : whole;
  }
  return whole;
}

/// What a stage has of all ranks is one piece of memory.
status refuse_whole_arrays_on_nvme(const layout& where, const engine_config& config) {
  const partition& held = where.held();
  if (held.replicates()) {
    return {};
  }
  if (held.holds_all_weights() && config.weights == place::nvme) {
    return failure{
        errc::invalid_argument,
        fmt::format("--weights nvme and --stage {}: every rank has all weights, in memory; "
                    "choose --stage 3, or 0",
                    held.stage)};
  }
  if (held.holds_all_gradients() && config.gradients == place::nvme) {
    return failure{errc::invalid_argument,
                   fmt::format("--gradients nvme and --stage {}: every rank has all gradients, in "
                               "memory; choose --stage 2 or 3, or 0",
                               held.stage)};
  }
  return {};
}

std::string listed(const plan& summary, place of) {
  std::string text;
  for (const consumer& each : summary.consumers) {
    if (each.where == of) {
      text += fmt::format("{}{} {:.1f} MiB", text.empty() ? "" : " + ", each.name,
                          static_cast<double>(each.size.value) / 0x1p20);
    }
  }
  return text;
}

std::optional<failure> over_budget(const blueprint& drawn, const engine_config& config) {
  const struct {
    place where;
    const char* option;
  } limited[] = {{place::device, "--device-memory"},
                 {place::host, "--host-memory"},
                 {place::nvme, "the SIZE of --nvme DIR:SIZE"}};
  for (const auto& [where, option] : limited) {
    const std::optional<bytes> budget = drawn.summary.budgets[static_cast<std::size_t>(where)];
    const bytes needed = drawn.summary.total(where);
    if (!budget || needed <= *budget) {
      continue;
    }
    const bool could_use_disk = where == place::host && config.nvme.empty();
    return failure{
        errc::does_not_fit,
        fmt::format("{} memory: the plan needs {} bytes ({}), the budget is {} bytes; "
                    "raise {} to {:.0f}MiB{}",
                    to_string(where), needed.value, listed(drawn.summary, where), budget->value,
                    option, std::ceil(static_cast<double>(needed.value) / 0x1p20),
                    could_use_disk ? " or give a folder with --nvme" : "")};
  }
  return std::nullopt;
}

}  // namespace

bytes plan::total(place where) const {
  bytes sum;
  for (const consumer& each : consumers) {
    if (each.where == where) {
      sum += each.size;
    }
  }
  return sum;
}

tile_bytes bytes_of(const layout& where, const tile& which) {
  const layer_layout& layer = where.at(which.layer);
  tile_bytes sizes;
  for (const tile_array each : tile_arrays) {
    if (where.holds(which, each)) {
      sizes.arrays[index_of(each)] = size_of(each, layer.arrays(), which.range.count);
    }
  }
  if (where.sums(layer)) {
    sizes.sums = size_of(dtype::f32) * which.range.count.value;
  }
  return sizes;
}

place place_of(tile_array which, const layout& where, const layer_layout& layer, place state,
               const engine_config& config) {
  if (state != place::nvme || which == tile_array::state) {
    return state;
  }
  if (which == tile_array::weights) {
    return config.weights;
  }
  return where.sums(layer) ? place::host : config.gradients;
}

std::uint32_t tile_room::slices() const {
  return slices_each * static_cast<std::uint32_t>(std::ranges::count_if(
                           extents, [](bytes each) { return each.value > 0; }));
}

tile_room tile_room::lasting() const {
  tile_room rest = *this;
  rest.extents[index_of(tile_array::gradient)] = {};
  return rest;
}

tile_room room_of(const layout& where, const tile& which, const engine_config& config) {
  const tile_bytes sizes = bytes_of(where, which);
  tile_room room{.slices_each =
                     static_cast<std::uint32_t>(count_up(which.range.count, slice_elements))};
  for (const tile_array each : tile_arrays) {
    if (place_of(each, where, where.at(which.layer), place::nvme, config) == place::nvme) {
      room.extents[index_of(each)] = round_up(sizes.of(each), extent_alignment);
    }
  }
  return room;
}

tile_room moved_of(const layout& where, const tile& which, const engine_config& config) {
  tile_room moved = room_of(where, which, config);
  if (config.io == io_backend::inlined) {
    for (const tile_array each : tile_arrays) {
      if (moved.of(each).value > 0) {
        moved.extents[index_of(each)] =
            size_of(each, where.at(which.layer).arrays(), which.range.count);
      }
    }
  }
  return moved;
}

bool is_resident(const layout& where, const model& declared, layer_id which,
                 const std::vector<place>& tile_places) {
  if (!where.held().holds_all_weights()) {
    return false;
  }
  const auto on_device = [&](layer_id home, element_range range) {
    const layer_layout& layer = where.at(home);
    for (std::uint32_t i = layer.first_tile; i < layer.first_tile + layer.tiles; ++i) {
      if (!intersect(where.tiles()[i].range, range).empty() && tile_places[i] != place::device) {
        return false;
      }
    }
    return true;
  };
  const layer_layout& layer = where.at(which);
  return on_device(which, {{0}, layer.size}) &&
         std::ranges::all_of(declared.at(which).tied, [&](parameter_id tied) {
           return on_device(declared.at(tied).layer, where.range_of(tied));
         });
}

result<blueprint> draw(const model& declared, const layout& where, const engine_config& config,
                       const std::array<bytes, place_count>& reserved) {
  if (config.layer_slots == 0 || config.gradient_slots == 0 || config.pipeline_depth == 0) {
    return failure{errc::invalid_argument,
                   "--layer-slots, --gradient-slots and --pipeline-depth must be at least 1"};
  }
  if (config.weights != place::host && config.weights != place::nvme) {
    return failure{errc::invalid_argument,
                   "--weights of tiles on NVMe rest in host memory or on NVMe, nowhere else"};
  }
  if (config.gradients != place::host && config.gradients != place::nvme) {
    return failure{errc::invalid_argument,
                   "--gradients of tiles on NVMe rest in host memory or on NVMe, nowhere else"};
  }
  if (config.gradients == place::nvme && config.several_pushes) {
    return failure{errc::invalid_argument,
                   "--gradients nvme and --several-pushes exclude each other: a gradient that is "
                   "summed rests in host memory"};
  }
  if (auto whole = refuse_whole_arrays_on_nvme(where, config); !whole) {
    return whole.error();
  }
  if (reserved[static_cast<std::size_t>(place::nvme)].value > 0 && config.nvme.empty()) {
    return failure{errc::invalid_argument,
                   "activations are to rest on NVMe, but no folder is given; add --nvme DIR"};
  }
  const std::size_t tiles = where.tiles().size();
  const place last = !config.nvme.empty() ? place::nvme : place::host;
  const auto assign = [&](std::size_t device, std::size_t host) {
    return assignment(declared, where, config, reserved, prefix(tiles, device, host, last));
  };
  std::size_t device = 0;
  std::size_t host = 0;
  if (config.placement) {
    const auto [on_device, on_host] = *config.placement;
    if (!(on_device >= 0 && on_host >= 0 && on_device + on_host <= 1)) {
      return failure{errc::invalid_argument,
                     "placement fractions lie in [0, 1], as does their sum"};
    }
    const auto share = [&](double f) {
      return static_cast<std::size_t>(std::lround(f * static_cast<double>(tiles)));
    };
    device = whole_layers(where, share(on_device));
    host = std::min(share(on_host), tiles - device);
    if (device + host < tiles && config.nvme.empty()) {
      return failure{errc::invalid_argument,
                     "the placement leaves tiles to NVMe, but no folder is given; add --nvme DIR"};
    }
  } else {
    const auto fits = [](std::optional<bytes> budget, bytes needed) {
      return !budget || needed <= *budget;
    };
    const auto device_holds = [&](std::size_t n) {
      return fits(config.device_memory, assign(n, 0).total(place::device));
    };
    const auto host_holds = [&](std::size_t n) {
      return fits(config.host_memory, assign(device, n).total(place::host));
    };
    // All of them first: the last tile may free more than it takes (slots, staging).
    device = whole_layers(where, device_holds(tiles) ? tiles : largest(tiles, device_holds));
    host = host_holds(tiles - device) ? tiles - device : largest(tiles - device, host_holds);
  }
  assignment chosen = assign(device, host);
  chosen.use_rest_as_cache();
  blueprint drawn = chosen.take();
  if (auto problem = over_budget(drawn, config)) {
    return *std::move(problem);
  }
  return drawn;
}

}  // namespace ballast
