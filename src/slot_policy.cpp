#include "slot_policy.hpp"

#include <algorithm>
#include <ballast/assert.hpp>

namespace ballast {

bool slot_policy::can_lease(layer_id layer) const {
  return find(layer).has_value() ||
         std::ranges::any_of(slots_, [](const entry& each) { return each.leases == 0; });
}

std::optional<slot_policy::grant> slot_policy::lease(layer_id layer, const access_order& order) {
  std::optional<std::uint32_t> slot = find(layer);
  const bool present = slot.has_value();
  if (!present) {
    slot = victim(order);
    if (!slot) {
      return std::nullopt;
    }
    put(*slot, layer);
  }
  ++slots_[*slot].leases;
  slots_[*slot].used = ++uses_;
  return grant{*slot, present};
}

void slot_policy::give_back(std::uint32_t slot) {
  require(slots_[slot].leases > 0, "a slot is given back once");
  --slots_[slot].leases;
}

void slot_policy::invalidate() {
  require(!any_leased(), "slots are forgotten while none is on lease");
  for (entry& each : slots_) {
    each.holds.reset();
  }
}

bool slot_policy::any_leased() const {
  return std::ranges::any_of(slots_, [](const entry& each) { return each.leases > 0; });
}

std::optional<std::uint32_t> slot_policy::find(layer_id layer) const {
  const auto found = std::ranges::find(slots_, layer, &entry::holds);
  return found == slots_.end() ? std::nullopt
                               : std::optional(static_cast<std::uint32_t>(found - slots_.begin()));
}

std::size_t slot_policy::use_of(std::uint32_t slot, const access_order& order) const {
  return slots_[slot].holds ? order.next_use(*slots_[slot].holds) : access_order::never;
}

std::optional<std::uint32_t> slot_policy::victim(const access_order& order) const {
  std::optional<std::uint32_t> best;
  const auto leaves_before = [&](std::uint32_t a, std::uint32_t b) {
    if (slots_[a].holds.has_value() != slots_[b].holds.has_value()) {
      return !slots_[a].holds.has_value();
    }
    const std::size_t use_a = use_of(a, order);
    const std::size_t use_b = use_of(b, order);
    return use_a != use_b ? use_a > use_b : slots_[a].used < slots_[b].used;
  };
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].leases == 0 && (!best || leaves_before(i, *best))) {
      best = i;
    }
  }
  return best;
}

void slot_policy::put(std::uint32_t slot, layer_id layer) {
  slots_[slot].holds = layer;
  slots_[slot].used = ++uses_;
}

}  // namespace ballast
