// What a step moves, by the same policy that moves it, run dry.
#include <optional>
#include <ranges>
#include <span>

#include "blueprint.hpp"
#include "layer_traffic.hpp"
#include "slot_policy.hpp"

namespace ballast {
namespace {

/// Elements of a layer's range of which this rank has an array in host memory or on NVMe; without
/// `array` the fp32 sums.
elements off_device(const layout& where, const blueprint& drawn, std::optional<tile_array> array,
                    layer_id home, element_range range) {
  const layer_layout& layer = where.at(home);
  elements sum;
  for (std::uint32_t i = layer.first_tile; i < layer.first_tile + layer.tiles; ++i) {
    const bool held = !array || where.holds(where.tiles()[i], *array);
    if (held && drawn.tile_places[i] != place::device) {
      sum += intersect(where.tiles()[i].range, range).count;
    }
  }
  return sum;
}

/// What a relay moves for a range of a layer: the array of every tile in it that has it on NVMe, whole.
bytes relayed(tile_array array, const layout& where, const blueprint& drawn,
              const engine_config& config, layer_id home, element_range range) {
  const layer_layout& layer = where.at(home);
  bytes sum;
  for (std::uint32_t i = layer.first_tile; i < layer.first_tile + layer.tiles; ++i) {
    const tile& each = where.tiles()[i];
    if (drawn.tile_places[i] == place::nvme && !intersect(each.range, range).empty()) {
      sum += room_of(where, each, config).of(array);
    }
  }
  return sum;
}

/// What this rank owns of a range of a layer, counted from the range's beginning.
element_range own_part(const layout& where, const layer_layout& layer, element_range range) {
  return part_within(layer.shards[where.held().self.value], range);
}

/// What a push that completes a layer's gradient moves between ranks, and once more to and from the
/// device: what was summed at home goes to its exchange, and its part of the sum back.
void reduce(const layout& where, const blueprint& drawn, layer_id which, traffic& moved) {
  const layer_layout& layer = where.at(which);
  moved[hop::reduce_scatter] += reduced_of(where, which);
  if (where.held().replicates()) {
    moved[hop::all_gather] += gathered_sum_of(where, which);
  }
  if (where.sums(layer) && (where.held().replicates() || where.held().stage > 1)) {
    moved[hop::download] +=
        size_of(layer.arrays().weights) *
        off_device(where, drawn, tile_array::gradient, which, {{0}, layer.size}).value;
  }
}

/// What an update reads and writes on NVMe.
traffic of_update(const layout& where, const blueprint& drawn, const engine_config& config,
                  std::span<const tile_id> order, const std::function<bool(tile_id)>& cached) {
  traffic moved;
  std::uint32_t kept = drawn.cached_tiles;
  for (const tile_id each : std::views::reverse(order)) {
    if (drawn.tile_places[each.value] == place::nvme) {
      const tile_room room = moved_of(where, where.at(each), config);
      const bytes lasting = room.lasting().total();
      moved[hop::read] += room.of(tile_array::gradient) + (cached(each) ? bytes{} : lasting);
      moved[hop::write] += lasting - (kept > 0 ? room.of(tile_array::state) : bytes{});
      kept -= kept > 0 ? 1 : 0;
    }
  }
  return moved;
}

/// The peers' block sums, when a step ends.
bytes gathered_sums(const layout& where) {
  bytes sum;
  for (const layer_layout& layer : where.layers()) {
    if (!where.held().replicates() && layer.trainable()) {
      const elements others = layer.size - own_part(where, layer, {{0}, layer.size}).count;
      sum += bytes{sizeof(double)} * (others / block_elements);
    }
  }
  return sum;
}

}  // namespace

bytes gathered_ahead_of(const layout& where) {
  bytes sum;
  for (std::uint32_t i = 0; i < where.layers().size(); ++i) {
    const bool trainable = where.layers()[i].trainable();
    if (!where.held().replicates() && where.held().holds_all_weights() && trainable) {
      sum += gathered_sum_of(where, {i});
    }
  }
  return sum;
}

bytes gathered_of(const model& declared, const layout& where, layer_id which) {
  if (where.held().holds_all_weights()) {
    return {};
  }
  const layer_layout& layer = where.at(which);
  elements others = layer.size - own_part(where, layer, {{0}, layer.size}).count;
  for (const parameter_id tied : declared.at(which).tied) {
    const element_range range = where.range_of(tied);
    others += range.count - own_part(where, where.at(declared.at(tied).layer), range).count;
  }
  return size_of(layer.arrays().weights) * others.value;
}

bytes reduced_of(const layout& where, layer_id which) {
  const layer_layout& layer = where.at(which);
  const elements own = own_part(where, layer, {{0}, layer.size}).count;
  return size_of(layer.arrays().weights) * own.value * (where.held().ranks - 1);
}

bytes gathered_sum_of(const layout& where, layer_id which) {
  const layer_layout& layer = where.at(which);
  const elements own = own_part(where, layer, {{0}, layer.size}).count;
  return size_of(layer.arrays().weights) * (layer.size - own).value;
}

bytes on_nvme_of(const blueprint& drawn, bytes activation) {
  return drawn.activation_pages.count > 0 ? round_up(activation, extent_alignment) : bytes{};
}

bytes read_of(const model& declared, const layout& where, const blueprint& drawn,
              const engine_config& config, layer_id which) {
  const auto weights = [&](layer_id home, element_range range) {
    return relayed(tile_array::weights, where, drawn, config, home, range);
  };
  bytes sum = weights(which, {{0}, where.at(which).size});
  for (const parameter_id tied : declared.at(which).tied) {
    sum += weights(declared.at(tied).layer, where.range_of(tied));
  }
  return sum;
}

bytes write_of(const layout& where, const blueprint& drawn, const engine_config& config,
               layer_id which) {
  return relayed(tile_array::gradient, where, drawn, config, which, {{0}, where.at(which).size});
}

bytes upload_of(const model& declared, const layout& where, const blueprint& drawn,
                layer_id which) {
  const layer_layout& layer = where.at(which);
  const auto weights = [&](layer_id home, element_range range) {
    return off_device(where, drawn, tile_array::weights, home, range);
  };
  elements moved = weights(which, {{0}, layer.size});
  for (const parameter_id tied : declared.at(which).tied) {
    moved += weights(declared.at(tied).layer, where.range_of(tied));
  }
  return size_of(layer.arrays().weights) * moved.value;
}

bytes download_of(const model& declared, const layout& where, const blueprint& drawn,
                  layer_id which) {
  const layer_layout& layer = where.at(which);
  const bool sums = layer.shared || where.held().several_pushes;
  bytes moved;
  if (layer.trainable() && !sums) {
    moved = size_of(layer.arrays().weights) *
            off_device(where, drawn, tile_array::gradient, which, {{0}, layer.size}).value;
  }
  for (std::size_t i = 0; i < layer.parameters.size(); ++i) {
    const parameter& each = declared.at(layer.parameters[i].which);
    const bool summed = i >= layer.own_parameters || sums;
    if (each.options.trainable && summed) {
      const element_range range = where.range_of(layer.parameters[i].which);
      moved += size_of(dtype::f32) * off_device(where, drawn, {}, each.layer, range).value;
    }
  }
  return moved;
}

traffic predict(const model& declared, const layout& where, const blueprint& drawn,
                const engine_config& config, std::span<const visit> visits,
                std::span<const tile_id> order_of_update,
                const std::function<bool(tile_id)>& cached) {
  access_order order;
  for (const visit& each : visits) {
    if (each.what == visit::kind::fetch) {
      order.observe(each.layer);
    }
  }
  order.restart();
  slot_policy slots(drawn.layer_slots.count);
  const auto movable = [&](layer_id layer) {
    return !is_resident(where, declared, layer, drawn.tile_places);
  };
  traffic moved = of_update(where, drawn, config, order_of_update, cached);
  moved[hop::all_gather] = gathered_sums(where);
  const auto fill = [&](layer_id layer) {
    moved[hop::upload] += upload_of(declared, where, drawn, layer);
    moved[hop::read] += read_of(declared, where, drawn, config, layer);
    moved[hop::all_gather] += gathered_of(declared, where, layer);
  };
  const auto fetch = [&](layer_id layer) {
    order.observe(layer);
    if (!movable(layer)) {
      return;
    }
    const auto granted = slots.lease(layer, order);
    if (!granted->present) {
      fill(layer);
    }
    while (const auto next = slots.prefetch(order, movable)) {
      fill(next->first);
    }
    slots.give_back(granted->slot);
  };
  std::vector<bool> reduced(where.layers().size(), where.held().alone());
  for (const visit& each : visits) {
    switch (each.what) {
      case visit::kind::fetch: fetch(each.layer); break;
      case visit::kind::push:
        moved[hop::download] += download_of(declared, where, drawn, each.layer);
        if (where.at(each.layer).trainable() && !reduced[each.layer.value]) {
          reduce(where, drawn, each.layer, moved);
          reduced[each.layer.value] = true;
        }
        moved[hop::write] += write_of(where, drawn, config, each.layer);
        break;
      case visit::kind::store:
        moved[hop::download] += each.size;
        moved[hop::write] += on_nvme_of(drawn, each.size);
        break;
      case visit::kind::load:
        moved[hop::upload] += each.size;
        moved[hop::read] += on_nvme_of(drawn, each.size);
        break;
    }
  }
  return moved;
}

}  // namespace ballast
