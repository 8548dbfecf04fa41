// Which layer is in which slot, and which one leaves: a pure decision from the sequence of calls,
// never from timing, so that a dry run predicts a real one.
//
// Eviction is Belady's where the order is known (the layer used last from now leaves), else the
// least recently used. A slot on lease never leaves.
#pragma once

#include <ballast/types.hpp>
#include <optional>
#include <vector>

#include "access_order.hpp"

namespace ballast {

class slot_policy {
 public:
  explicit slot_policy(std::uint32_t slots) : slots_(slots) {}

  struct grant {
    std::uint32_t slot;
    bool present;  ///< false: the slot must be filled
  };

  /// True when lease() would grant.
  bool can_lease(layer_id layer) const;
  /// Leases a slot to `layer`; nullopt when every slot is on lease to others.
  std::optional<grant> lease(layer_id layer, const access_order& order);
  void give_back(std::uint32_t slot);

  /// The next layer worth bringing in, and the slot it takes; nullopt when nothing is.
  /// `wanted(layer)` is false for layers that need no slot.
  template <class Wanted>
  std::optional<std::pair<layer_id, std::uint32_t>> prefetch(const access_order& order,
                                                             Wanted wanted) {
    for (std::size_t k = 0; auto layer = order.upcoming(k); ++k) {
      if (!wanted(*layer) || find(*layer)) {
        continue;
      }
      const auto slot = victim(order);
      if (!slot || use_of(*slot, order) <= k) {
        return std::nullopt;
      }
      put(*slot, *layer);
      return std::pair{*layer, *slot};
    }
    return std::nullopt;
  }

  /// Forgets what the slots hold; none may be on lease.
  void invalidate();
  bool any_leased() const;

 private:
  struct entry {
    std::optional<layer_id> holds;
    std::uint32_t leases = 0;
    std::uint64_t used = 0;
  };

  std::optional<std::uint32_t> find(layer_id layer) const;
  std::optional<std::uint32_t> victim(const access_order& order) const;
  std::size_t use_of(std::uint32_t slot, const access_order& order) const;
  void put(std::uint32_t slot, layer_id layer);

  std::vector<entry> slots_;
  std::uint64_t uses_ = 0;
};

}  // namespace ballast
