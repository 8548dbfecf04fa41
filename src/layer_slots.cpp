#include "layer_slots.hpp"

#include <fmt/format.h>

namespace ballast {

layer_slots::layer_slots(const model& declared, const layout& where, const blueprint& drawn,
                         tile_homes& homes)
    : declared_(declared),
      where_(where),
      homes_(homes),
      policy_(drawn.layer_slots.count),
      slots_(drawn.layer_slots.count),
      pieces_(where.layers().size()),
      residents_(where.layers().size()),
      order_(&orders_["train"]) {
  for (std::uint32_t i = 0; i < where.layers().size(); ++i) {
    find_pieces({i});
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
    for (const ticket& upload : each.uploads) {
      if (auto arrived = upload.wait(); !arrived && outcome) {
        outcome = arrived;
      }
    }
    each.uploads.clear();
  }
  return outcome;
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

void layer_slots::add_pieces(std::vector<piece>& pieces, layer_id home, element_range range,
                             bytes offset) {
  const layer_layout& placed = where_.at(home);
  const std::uint64_t width = size_of(placed.arrays().weights).value;
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    const element_range tile_range = where_.tiles()[i].range;
    const element_range common = intersect(tile_range, range);
    if (common.empty()) {
      continue;
    }
    const tile_home& at = homes_.at({i});
    const auto memory = at.weights.subspan((common.begin - tile_range.begin).value * width,
                                           common.count.value * width);
    const bool on_device = at.where == place::device;
    const bytes begin = offset + bytes{(common.begin - range.begin).value * width};
    if (!pieces.empty()) {
      piece& last = pieces.back();
      if (last.on_device == on_device && last.offset + bytes{last.home.size()} == begin &&
          last.home.data() + last.home.size() == memory.data()) {
        last.home = {last.home.data(), last.home.size() + memory.size()};
        continue;
      }
    }
    pieces.push_back({begin, memory, on_device});
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
  for (const ticket& upload : slots_[granted->slot].uploads) {
    if (auto arrived = homes_.on_device().order_after(stream, upload); !arrived) {
      return arrived.error();
    }
  }
  return weights_lease(std::move(lease), layer, type, slots_[granted->slot].parameters);
}

status layer_slots::fill(std::uint32_t index, layer_id layer, priority urgency, stream_ref stream) {
  slot& target = slots_[index];
  for (const ticket& upload : target.uploads) {
    if (auto arrived = homes_.on_device().order_after(stream, upload); !arrived) {
      return arrived;
    }
  }
  target.uploads.clear();
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
    const auto to = memory.subspan(each.offset.value, each.home.size());
    if (each.on_device) {
      if (auto copied = homes_.on_device().copy(to, each.home, stream); !copied) {
        return copied;
      }
    } else {
      target.uploads.push_back(homes_.upload().submit({.address = address_of(to),
                                                       .memory = each.home,
                                                       .urgency = urgency,
                                                       .whose = subject::of(layer)}));
    }
  }
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
