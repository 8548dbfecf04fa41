#include "blueprint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <cmath>

namespace ballast {
namespace {

constexpr bytes device_alignment{256};

bool accumulates(const layer_layout& layer, bool several_pushes) {
  return layer.trainable() && (layer.shared || several_pushes);
}

/// Sums and sizes of one assignment of tiles to places.
class assignment {
 public:
  assignment(const model& declared, const layout& where, const engine_config& config,
             const std::array<bytes, place_count>& reserved, std::vector<place> tile_places)
      : declared_(declared), where_(where), config_(config), reserved_(reserved) {
    drawn_.tile_places = std::move(tile_places);
    size_slots();
    size_store();
    list_device();
    list_host();
    list_rest();
  }

  blueprint take() { return std::move(drawn_); }
  bytes total(place of) const { return drawn_.summary.total(of); }

 private:
  bool on(std::size_t index, place wanted) const { return drawn_.tile_places[index] == wanted; }

  /// One array of all tiles on the device, or of all that are not.
  bytes sum(bool on_device, bytes tile_bytes::*array) const {
    bytes total;
    for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
      if (on(i, place::device) == on_device) {
        total += bytes_of(where_, where_.tiles()[i], config_.several_pushes).*array;
      }
    }
    return total;
  }

  void size_slots() {
    std::uint32_t movable = 0;
    std::uint32_t trainable = 0;
    for (std::uint32_t i = 0; i < where_.layers().size(); ++i) {
      const layer_layout& layer = where_.layers()[i];
      if (!is_resident(where_, declared_, {i}, drawn_.tile_places)) {
        ++movable;
        const bytes whole = size_of(layer.bytes_of().weights) * layer.buffer.value;
        drawn_.layer_slots.size =
            std::max(drawn_.layer_slots.size, round_up(whole, device_alignment));
      }
      if (layer.trainable()) {
        ++trainable;
        const bytes whole = size_of(dtype::f32) * layer.buffer.value;
        drawn_.gradient_slots.size =
            std::max(drawn_.gradient_slots.size, round_up(whole, device_alignment));
      }
    }
    drawn_.layer_slots.count = std::min(config_.layer_slots, movable);
    drawn_.gradient_slots.count = std::min(config_.gradient_slots, trainable);
  }

  void size_store() {
    std::uint32_t stored = 0;
    bool sums_in_host = false;
    for (std::size_t i = 0; i < where_.tiles().size(); ++i) {
      const tile& each = where_.tiles()[i];
      sums_in_host = sums_in_host || (!on(i, place::device) &&
                                      accumulates(where_.at(each.layer), config_.several_pushes));
      if (on(i, place::nvme)) {
        const bytes whole = round_up(bytes_of(where_, each, false).state, extent_alignment);
        drawn_.nvme += whole;
        drawn_.slices += static_cast<std::uint32_t>(count_up(each.range.count, slice_elements));
        drawn_.staging.size = std::max(drawn_.staging.size, whole);
        ++stored;
      }
    }
    drawn_.staging.count = std::min(config_.pipeline_depth, stored);
    if (sums_in_host) {
      drawn_.chunk_staging = {2, size_of(dtype::f32) * chunk_elements.value};
    }
  }

  void line(place of, std::string name, bytes size) {
    if (size.value > 0) {
      drawn_.summary.consumers.push_back({of, std::move(name), size});
    }
  }

  void list_device() {
    line(place::device, fmt::format("layer weights, {} slots", drawn_.layer_slots.count),
         drawn_.layer_slots.total());
    line(place::device, fmt::format("layer gradients, {} slots", drawn_.gradient_slots.count),
         drawn_.gradient_slots.total());
    line(place::device, "resident weights", sum(true, &tile_bytes::weights));
    line(place::device, "resident optimizer state", sum(true, &tile_bytes::state));
    line(place::device, "resident gradients", sum(true, &tile_bytes::gradient));
    line(place::device, "resident gradient sums", sum(true, &tile_bytes::sums));
    line(place::device, "caller", round_up(reserved_[0], device_alignment));
  }

  void list_host() {
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
    line(place::host, fmt::format("staging, {} tiles", drawn_.staging.count),
         drawn_.staging.total());
    line(place::host, "gradient staging", drawn_.chunk_staging.total());
    line(place::host, "block sums", bytes{8} * where_.blocks());
    line(place::host, "digests", bytes{16} * drawn_.slices);
    line(place::host, "caller", reserved_[static_cast<std::size_t>(place::host)]);
  }

  void list_rest() {
    plan& summary = drawn_.summary;
    line(place::nvme, "optimizer state", drawn_.nvme);
    summary.budgets[static_cast<std::size_t>(place::device)] = config_.device_memory;
    summary.budgets[static_cast<std::size_t>(place::host)] = config_.host_memory;
    summary.budgets[static_cast<std::size_t>(place::nvme)] = config_.nvme_size;
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
    summary.nvme_step = drawn_.nvme * 2;
  }

  const model& declared_;
  const layout& where_;
  const engine_config& config_;
  const std::array<bytes, place_count>& reserved_;
  blueprint drawn_;
};

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
    const bool could_use_disk = where == place::host && !config.nvme_directory;
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

tile_bytes bytes_of(const layout& where, const tile& which, bool several_pushes) {
  const layer_layout& layer = where.at(which.layer);
  const element_layout widths = layer.bytes_of();
  const std::uint64_t n = which.range.count.value;
  return {.weights = size_of(widths.weights) * n,
          .state = widths.state() * n,
          .gradient = layer.trainable() ? size_of(widths.weights) * n : bytes{},
          .sums = accumulates(layer, several_pushes) ? size_of(dtype::f32) * n : bytes{}};
}

bool is_resident(const layout& where, const model& declared, layer_id which,
                 const std::vector<place>& tile_places) {
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
  const std::size_t tiles = where.tiles().size();
  const place last = config.nvme_directory ? place::nvme : place::host;
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
    device = share(on_device);
    host = std::min(share(on_host), tiles - device);
    if (device + host < tiles && !config.nvme_directory) {
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
    // Asked first, because the last tile may free more than it takes: slots, staging.
    device = device_holds(tiles) ? tiles : largest(tiles, device_holds);
    host = host_holds(tiles - device) ? tiles - device : largest(tiles - device, host_holds);
  }
  blueprint drawn = assign(device, host).take();
  if (auto problem = over_budget(drawn, config)) {
    return *std::move(problem);
  }
  return drawn;
}

}  // namespace ballast
