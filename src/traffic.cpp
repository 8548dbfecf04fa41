// What a step moves, by the same policy that moves it, run dry.
#include <ranges>
#include <span>

#include "blueprint.hpp"
#include "layer_traffic.hpp"
#include "slot_policy.hpp"

namespace ballast {
namespace {

/// Elements of a layer's range whose weights and gradient rest in host memory.
elements off_device(const layout& where, const blueprint& drawn, layer_id home,
                    element_range range) {
  const layer_layout& layer = where.at(home);
  elements sum;
  for (std::uint32_t i = layer.first_tile; i < layer.first_tile + layer.tiles; ++i) {
    if (drawn.tile_places[i] != place::device) {
      sum += intersect(where.tiles()[i].range, range).count;
    }
  }
  return sum;
}

}  // namespace

bytes upload_of(const model& declared, const layout& where, const blueprint& drawn,
                layer_id which) {
  const layer_layout& layer = where.at(which);
  elements moved = off_device(where, drawn, which, {{0}, layer.size});
  for (const parameter_id tied : declared.at(which).tied) {
    moved += off_device(where, drawn, declared.at(tied).layer, where.range_of(tied));
  }
  return size_of(layer.arrays().weights) * moved.value;
}

bytes download_of(const model& declared, const layout& where, const blueprint& drawn,
                  bool several_pushes, layer_id which) {
  const layer_layout& layer = where.at(which);
  bytes moved;
  if (layer.trainable() && !layer.shared && !several_pushes) {
    moved =
        size_of(layer.arrays().weights) * off_device(where, drawn, which, {{0}, layer.size}).value;
  }
  for (std::size_t i = 0; i < layer.parameters.size(); ++i) {
    const parameter& each = declared.at(layer.parameters[i].which);
    const bool summed = i >= layer.own_parameters || layer.shared || several_pushes;
    if (each.options.trainable && summed) {
      const element_range range = where.range_of(layer.parameters[i].which);
      moved += size_of(dtype::f32) * off_device(where, drawn, each.layer, range).value;
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
  traffic moved;
  std::uint32_t kept = drawn.cached_tiles;
  for (const tile_id each : std::views::reverse(order_of_update)) {
    if (drawn.tile_places[each.value] == place::nvme) {
      const bytes stored = bytes_of(where, where.at(each), false).stored();
      moved[hop::read] += cached(each) ? bytes{} : stored;
      moved[hop::write] += kept > 0 ? bytes{} : stored;
      kept -= kept > 0 ? 1 : 0;
    }
  }
  for (const visit& each : visits) {
    if (each.what == visit::kind::push) {
      moved[hop::download] +=
          download_of(declared, where, drawn, config.several_pushes, each.layer);
      continue;
    }
    order.observe(each.layer);
    if (!movable(each.layer)) {
      continue;
    }
    const auto granted = slots.lease(each.layer, order);
    if (!granted->present) {
      moved[hop::upload] += upload_of(declared, where, drawn, each.layer);
    }
    while (const auto next = slots.prefetch(order, movable)) {
      moved[hop::upload] += upload_of(declared, where, drawn, next->first);
    }
    slots.give_back(granted->slot);
  }
  return moved;
}

}  // namespace ballast
