#include "update_phase.hpp"

#include <algorithm>
#include <unordered_set>

namespace ballast {
namespace {

double per(bytes moved, double rate) {
  return moved.value == 0 ? 0 : static_cast<double>(moved.value) / rate;
}

const update_rate& rate_of(const machine_rates& rates, const layer_layout& layer) {
  const auto found = std::ranges::find_if(rates.updates, [&](const update_rate& each) {
    return each.stored == layer.stored && each.with == layer.with;
  });
  require(found != rates.updates.end(), "there is a rate for every encoding of the model");
  return *found;
}

}  // namespace

double seconds_of(const disk_rates& rates, bytes read, bytes written) {
  const bytes each = std::min(read, written);
  return per(each * 2, rates.both) + per(read - each, rates.read) +
         per(written - each, rates.write);
}

std::vector<tile_id> updated_tiles(const layout& where) {
  std::vector<tile_id> order;
  for (std::uint32_t i = 0; i < where.tiles().size(); ++i) {
    if (where.updates(where.tiles()[i])) {
      order.push_back({i});
    }
  }
  return order;
}

std::function<bool(tile_id)> steady_cache(const blueprint& drawn, std::span<const tile_id> order) {
  std::unordered_set<std::uint32_t> held;
  for (const tile_id each : order) {
    if (drawn.tile_places[each.value] == place::nvme && held.size() < drawn.cached_tiles) {
      held.insert(each.value);
    }
  }
  return [held = std::move(held)](tile_id which) { return held.contains(which.value); };
}

update_phase run_update(const layout& where, const blueprint& drawn, const engine_config& config,
                        const traffic& moved, const machine_rates& rates) {
  update_phase phase;
  double on_device = 0;
  std::uint32_t staged = 0;
  for (const tile_id each : updated_tiles(where)) {
    const layer_layout& layer = where.at(where.at(each).layer);
    const update_rate& rate = rate_of(rates, layer);
    const auto count = static_cast<double>(where.at(each).range.count.value);
    if (drawn.tile_places[each.value] == place::device) {
      on_device += count * rate.device;
      continue;
    }
    phase.arithmetic += count * rate.host;
    if (drawn.tile_places[each.value] == place::nvme) {
      // Checked before the update, and what lasts stamped after it.
      const tile_room room = room_of(where, where.at(each), config);
      phase.arithmetic += per(room.total() + room.lasting().total(), rates.digest);
      ++staged;
    }
  }
  phase.arithmetic += rates.device_is_host ? on_device : 0;
  phase.disk = seconds_of(rates.disk, moved[hop::read], moved[hop::write]);
  phase.total = phase.arithmetic;
  staged -= drawn.cached_tiles;
  if (config.io == io_backend::inlined) {
    // The same workers do both: nothing overlaps.
    phase.total += phase.disk;
    phase.writing = per(moved[hop::write], rates.disk.write);
  } else if (phase.disk > 0) {
    const double carriers = std::min(staged, drawn.staging.count - drawn.cached_tiles);
    phase.total = pipeline_seconds(phase.disk, phase.arithmetic, carriers, staged);
    // Carriers that went together would all write at once, those that took turns never would: what
    // is seen lies between, and is the one or the other where there is a single carrier.
    const double reads = per(moved[hop::read], rates.disk.read);
    const double writes = per(moved[hop::write], rates.disk.write);
    const double together = writes / (reads + writes);
    phase.writing =
        std::max(0.0, phase.total - phase.arithmetic) * together * (1 + 1 / carriers) / 2;
  }
  if (!rates.device_is_host) {
    phase.total = std::max(phase.total, on_device);
    phase.arithmetic = std::max(phase.arithmetic, on_device);
  }
  return phase;
}

}  // namespace ballast
