#include "layer_slots.hpp"

#include <fmt/format.h>

namespace ballast {
layer_slots::layer_slots(const model& declared, const layout& where, const blueprint& drawn,
                         tile_homes& homes, weight_relay& relay, weight_exchange& exchange,
                         peers& ranks)
    : declared_(declared),
      where_(where),
      homes_(homes),
      relay_(relay),
      exchange_(exchange),
      peers_(ranks),
      policy_(drawn.layer_slots.count),
      slots_(drawn.layer_slots.count),
      pieces_(where.layers().size()),
      wholes_(where.layers().size()),
      residents_(where.layers().size()),
      order_(&orders_["train"]) {
  for (std::uint32_t i = 0; i < where.layers().size(); ++i) {
    find_pieces({i});
    if (!where.held().holds_all_weights()) {
      find_wholes({i});
    }
    if (is_resident(where, declared, {i}, drawn.tile_places)) {
      view_resident({i});
    }
  }
}

layer_slots::~layer_slots() {
  require(leases_ == 0, "a weights_lease ends before its engine");
  (void)settle();
}

status layer_slots::settle() {
  status outcome;
  for (slot& each : slots_) {
    for (std::vector<ticket>* under_way : {&each.gathered, &each.uploads, &each.relayed}) {
      for (const ticket& hop : *under_way) {
        if (auto arrived = hop.wait(); !arrived && outcome) {
          outcome = arrived;
        }
      }
      under_way->clear();
    }
  }
  return outcome;
}

/// What the relay brings is waited for by the caller's thread: its upload may not have begun, and a
/// stream can only be ordered after what has.
status layer_slots::order_after_arrival(slot& which, stream_ref stream) {
  for (const ticket& each : which.relayed) {
    if (auto arrived = each.wait(); !arrived) {
      return arrived;
    }
  }
  for (const std::vector<ticket>* under_way : {&which.relayed, &which.uploads, &which.gathered}) {
    for (const ticket& each : *under_way) {
      if (auto ordered = homes_.on_device().order_after(stream, each); !ordered) {
        return ordered;
      }
    }
  }
  return {};
}

void layer_slots::find_pieces(layer_id layer) {
  const layer_layout& placed = where_.at(layer);
  const bytes width = size_of(placed.arrays().weights);
  std::vector<piece>& pieces = pieces_[layer.value];
  add_pieces(pieces, layer, {{0}, placed.size}, {0});
  for (std::size_t i = placed.own_parameters; i < placed.parameters.size(); ++i) {
    const auto& [which, range] = placed.parameters[i];
    add_pieces(pieces, declared_.at(which).layer, where_.range_of(which),
               width * range.begin.value);
  }
}

void layer_slots::find_wholes(layer_id layer) {
  const layer_layout& placed = where_.at(layer);
  wholes_[layer.value].push_back({{{0}, placed.size}, placed.shards});
  for (std::size_t i = placed.own_parameters; i < placed.parameters.size(); ++i) {
    const auto& [which, range] = placed.parameters[i];
    whole tied{range, {}};
    for (const element_range& shard : where_.at(declared_.at(which).layer).shards) {
      tied.shards.push_back(part_within(shard, where_.range_of(which)));
    }
    wholes_[layer.value].push_back(std::move(tied));
  }
}

void layer_slots::add_pieces(std::vector<piece>& pieces, layer_id home, element_range range,
                             bytes offset) {
  const layer_layout& placed = where_.at(home);
  const std::uint64_t width = size_of(placed.arrays().weights).value;
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    const element_range tile_range = where_.tiles()[i].range;
    const element_range common = intersect(tile_range, range);
    if (common.empty() || !where_.holds(where_.tiles()[i], tile_array::weights)) {
      continue;
    }
    const tile_home& at = homes_.at({i});
    piece next{.offset = offset + bytes{(common.begin - range.begin).value * width},
               .size = bytes{common.count.value * width},
               .where = at.where == place::device ? place::device : place::host,
               .home = {},
               .tile = {i},
               .first = bytes{(common.begin - tile_range.begin).value * width}};
    if (at.on_nvme(tile_array::weights)) {
      next.where = place::nvme;
      pieces.push_back(next);
      continue;
    }
    next.home = at.weights.subspan(next.first.value, next.size.value);
    if (!pieces.empty()) {
      piece& last = pieces.back();
      if (last.where == next.where && last.offset + last.size == next.offset &&
          last.home.data() + last.home.size() == next.home.data()) {
        last.size += next.size;
        last.home = {last.home.data(), last.size.value};
        continue;
      }
    }
    pieces.push_back(next);
  }
}

void layer_slots::view_resident(layer_id layer) {
  for (const auto& [which, range] : where_.at(layer).parameters) {
    const element_range home = where_.range_of(which);
    std::vector<piece> pieces;
    add_pieces(pieces, declared_.at(which).layer, home, {0});
    require(pieces.size() == 1, "a resident parameter is in one piece");
    residents_[layer.value].push_back({which, pieces.front().home});
  }
}

status layer_slots::begin_pass(std::string_view name) {
  auto found = orders_.find(name);
  if (found == orders_.end()) {
    found = orders_.emplace(std::string(name), access_order{}).first;
  }
  if (order_ != &found->second) {
    if (auto settled = invalidate(); !settled) {
      return settled;
    }
  }
  order_ = &found->second;
  order_->restart();
  return {};
}

status layer_slots::invalidate() {
  policy_.invalidate();
  return settle();
}

result<weights_lease> layer_slots::fetch(layer_id layer, stream_ref stream) {
  const bool resident = !residents_[layer.value].empty();
  if (!resident && !policy_.can_lease(layer)) {
    return failure{errc::exhausted,
                   fmt::format("all {} layer slots are on lease; end one, or raise --layer-slots",
                               slots_.size())};
  }
  order_->observe(layer);
  const dtype type = where_.at(layer).arrays().weights;
  if (resident) {
    ++leases_;
    slot_lease lease(*this, resident_slot);
    if (auto started = prefetch(stream); !started) {
      return started.error();
    }
    if (auto gathered = exchange_.await(layer); !gathered) {
      return gathered.error();
    }
    return weights_lease(std::move(lease), layer, type, residents_[layer.value]);
  }
  const auto granted = policy_.lease(layer, *order_);
  ++leases_;
  slot_lease lease(*this, granted->slot);
  if (!granted->present) {
    if (auto filled = fill(granted->slot, layer, priority::demand, stream); !filled) {
      return filled.error();
    }
  }
  if (auto started = prefetch(stream); !started) {
    return started.error();
  }
  if (auto arrived = order_after_arrival(slots_[granted->slot], stream); !arrived) {
    return arrived.error();
  }
  return weights_lease(std::move(lease), layer, type, slots_[granted->slot].parameters);
}

status layer_slots::fill(std::uint32_t index, layer_id layer, priority urgency, stream_ref stream) {
  slot& target = slots_[index];
  if (auto arrived = order_after_arrival(target, stream); !arrived) {
    return arrived;
  }
  target.uploads.clear();
  target.relayed.clear();
  target.gathered.clear();
  if (auto updated = exchange_.await(layer); !updated) {
    return updated;
  }
  const std::span<std::byte> memory = homes_.layer_slot(index);
  const layer_layout& placed = where_.at(layer);
  const std::uint64_t width = size_of(placed.arrays().weights).value;
  target.parameters.clear();
  for (const auto& [which, range] : placed.parameters) {
    target.parameters.push_back(
        {which, memory.subspan(range.begin.value * width, range.count.value * width)});
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  for (const piece& each : pieces_[layer.value]) {
    const auto to = memory.subspan(each.offset.value, each.size.value);
    if (auto begun = bring(each, to, target, subject::of(layer), urgency, stream); !begun) {
      return begun;
    }
  }
  gather(layer, memory, target, stream);
  return {};
}

/// The peers' shards come beside this rank's own, once that has come.
void layer_slots::gather(layer_id layer, std::span<std::byte> memory, slot& target,
                         stream_ref stream) {
  if (wholes_[layer.value].empty()) {
    return;
  }
  target.own = target.uploads;
  target.own.insert(target.own.end(), target.relayed.begin(), target.relayed.end());
  const bytes width = size_of(where_.at(layer).arrays().weights);
  const auto part_of = [&](std::span<std::byte> of, element_range range) {
    return of.subspan(range.begin.value * width.value, range.count.value * width.value);
  };
  for (const whole& each : wholes_[layer.value]) {
    const std::span<std::byte> all = part_of(memory, each.range);
    target.gathered.push_back(
        peers_.all_gather(layer, {.shard = part_of(all, each.shards[peers_.self().value]),
                                  .whole = all,
                                  .shards = each.shards,
                                  .element = width,
                                  .after = target.own,
                                  .stream = stream}));
  }
}

status layer_slots::bring(const piece& which, std::span<std::byte> to, slot& target, subject whose,
                          priority urgency, stream_ref stream) {
  if (which.where == place::device) {
    return homes_.on_device().copy(to, which.home, stream);
  }
  if (which.where == place::nvme) {
    target.relayed.push_back(relay_.fetch(which.tile, which.first, to, urgency));
    return {};
  }
  target.uploads.push_back(homes_.upload().submit(
      {.address = address_of(to), .memory = which.home, .urgency = urgency, .whose = whose}));
  return {};
}

status layer_slots::prefetch(stream_ref stream) {
  const auto wanted = [&](layer_id layer) { return residents_[layer.value].empty(); };
  while (const auto next = policy_.prefetch(*order_, wanted)) {
    if (auto filled = fill(next->second, next->first, priority::prefetch, stream); !filled) {
      return filled;
    }
  }
  return {};
}

void layer_slots::give_back(std::uint32_t index) {
  --leases_;
  if (index != resident_slot) {
    policy_.give_back(index);
  }
}

}  // namespace ballast
