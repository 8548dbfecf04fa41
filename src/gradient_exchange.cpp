#include "gradient_exchange.hpp"

#include <algorithm>

namespace ballast {

gradient_exchange::gradient_exchange(const layout& where, tile_homes& homes,
                                     gradient_rounding& rounding, gradient_relay& relay,
                                     workers& threads, peers& ranks)
    : where_(where),
      homes_(homes),
      rounding_(rounding),
      relay_(relay),
      workers_(threads),
      peers_(ranks),
      at_rest_(!where.held().replicates() && where.held().holds_all_gradients()),
      slots_(at_rest_ ? where.layers().size() : homes.exchange_count()) {}

gradient_exchange::~gradient_exchange() { (void)settle(); }

result<std::span<std::byte>> gradient_exchange::open(layer_id layer) {
  slot& next = slots_[next_];
  if (auto emptied = empty(next); !emptied) {
    return emptied.error();
  }
  const layer_layout& placed = where_.at(layer);
  next.layer = layer;
  next.memory =
      homes_.exchange(next_).first(placed.size.value * size_of(placed.arrays().weights).value);
  return next.memory;
}

void gradient_exchange::begin(layer_id layer, std::span<const ticket> after, stream_ref stream) {
  slot& with = slots_[at_rest_ ? layer.value : next_];
  next_ = at_rest_ ? 0 : (next_ + 1) % static_cast<std::uint32_t>(slots_.size());
  if (at_rest_) {
    with.layer = layer;
    with.memory = homes_.whole(where_.at(layer), tile_array::gradient);
  }
  with.after.assign(after.begin(), after.end());
  const layer_layout& placed = where_.at(layer);
  const dtype type = placed.arrays().weights;
  const bytes width = size_of(type);
  const element_range own = placed.shards[peers_.self().value];
  const auto shard =
      with.memory.subspan(own.begin.value * width.value, own.count.value * width.value);
  with.summed = peers_.reduce_scatter(layer, {.whole = with.memory,
                                              .shard = shard,
                                              .shards = placed.shards,
                                              .type = type,
                                              .after = with.after,
                                              .stream = stream});
  if (where_.held().replicates()) {
    // A failure of the first is the second's too.
    with.summed = peers_.all_gather(
        layer, {.shard = shard, .whole = with.memory, .shards = placed.shards, .element = width});
  }
}

/// What this rank keeps of the sum.
status gradient_exchange::take_home(slot& from) {
  const std::vector<gradient_chunk>& chunks = rounding_.chunks(from.layer);
  const bytes width = size_of(where_.at(from.layer).arrays().weights);
  const auto part_of = [&](element_range range) {
    return from.memory.subspan(range.begin.value * width.value, range.count.value * width.value);
  };
  {
    const active_span busy(homes_.log(), activity::optimizer, "measure", subject::of(from.layer));
    device& on = homes_.on_device();
    workers_.for_each(chunks.size(), [&](std::size_t i) {
      const gradient_chunk& part = chunks[i];
      if (where_.at(part.tile).owned) {
        const tile_home& home = homes_.at(part.tile);
        rounding_.measure(part, part_of(part.range), on.updates(), {});
        if (!at_rest_ && home.where == place::device) {
          passes_.note(on.copy(rounding_.home_of(part), part_of(part.range), {}));
        }
      }
    });
  }
  const layer_layout& placed = where_.at(from.layer);
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles && !at_rest_;
       ++i) {
    const tile& each = where_.at(tile_id{i});
    const tile_home& home = homes_.at({i});
    if (!each.owned || home.where == place::device) {
      continue;
    }
    if (home.on_nvme(tile_array::gradient)) {
      from.leaving.push_back(relay_.send({i}, part_of(each.range), width));
    } else {
      from.leaving.push_back(homes_.download().submit({.address = address_of(part_of(each.range)),
                                                       .memory = home.gradient,
                                                       .urgency = priority::write_back,
                                                       .whose = subject::of(tile_id{i})}));
    }
  }
  return passes_.take();
}

status gradient_exchange::advance() {
  for (slot& each : slots_) {
    const auto outcome = each.summed.valid() ? each.summed.poll() : std::nullopt;
    if (!outcome) {
      continue;
    }
    each.summed = {};
    if (auto taken = *outcome ? take_home(each) : *outcome; !taken) {
      return taken;
    }
  }
  return {};
}

/// Until nothing of what a slot holds is under way.
status gradient_exchange::empty(slot& which) {
  status outcome;
  if (which.summed.valid()) {
    outcome = std::exchange(which.summed, {}).wait();
    outcome = outcome ? take_home(which) : outcome;
  }
  const status left = wait_for_all(which.leaving);
  which.leaving.clear();
  return outcome ? left : outcome;
}

status gradient_exchange::settle() {
  status outcome;
  for (slot& each : slots_) {
    if (auto emptied = empty(each); !emptied && outcome) {
      outcome = emptied;
    }
  }
  return outcome;
}

bool gradient_exchange::at_home(layer_id layer) const {
  return std::ranges::none_of(slots_, [&](const slot& each) {
    return each.layer == layer &&
           (each.summed.valid() || std::ranges::any_of(each.leaving, [](const ticket& hop) {
              const auto arrived = hop.poll();
              return !arrived || !*arrived;
            }));
  });
}

}  // namespace ballast
