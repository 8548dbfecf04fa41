// The first hop of a step: brings layers' weights to the device and leases them to the caller.
//
// A layer whose tiles all rest on the device is leased where it is. Every other one is assembled in
// a slot: uploads from host memory, what the relay brings from NVMe, copies from the device, and,
// where weights are partitioned over ranks, the peers' shards, gathered beside this rank's. While one
// layer is on lease the next one of the recorded order is already on its way. Caller's thread only.
#pragma once

#include <ballast/lease.hpp>
#include <map>
#include <string>
#include <vector>

#include "access_order.hpp"
#include "slot_policy.hpp"
#include "tile_homes.hpp"
#include "weight_exchange.hpp"
#include "weight_relay.hpp"

namespace ballast {

class layer_slots final : public lease_keeper {
 public:
  layer_slots(const model& declared, const layout& where, const blueprint& drawn, tile_homes& homes,
              weight_relay& relay, weight_exchange& exchange, peers& ranks);
  ~layer_slots() override;

  status begin_pass(std::string_view name);
  /// What was fetched so far is the order to expect from now on.
  void end_pass() { order_->restart(); }
  /// Errors: exhausted when every slot is on lease; those of uploads and of the relay
  result<weights_lease> fetch(layer_id layer, stream_ref stream);
  /// The weights are about to change: what is in the slots is old, and nothing reads them any more.
  ///
  /// Errors: of what had not arrived
  status invalidate();

  /// Whether the pass may fetch the layer again, as far as is known.
  bool may_be_fetched(layer_id layer) const {
    return !order_->known() || order_->next_use(layer) != access_order::never;
  }
  bool any_leased() const { return leases_ > 0; }

  void give_back(std::uint32_t index) override;

 private:
  static constexpr std::uint32_t resident_slot = ~0u;

  /// One contiguous run of a layer's buffer, and where its bytes rest.
  struct piece {
    bytes offset;
    bytes size;
    place where;
    std::span<std::byte> home;  ///< empty on NVMe
    tile_id tile;               ///< on NVMe
    bytes first;                ///< in the tile's weights
  };
  /// A run of a layer's buffer that ranks gather, and where in it their shards lie.
  struct whole {
    element_range range;
    std::vector<element_range> shards;  ///< by rank
  };
  struct slot {
    std::vector<parameter_memory> parameters;
    std::vector<ticket> uploads;
    std::vector<ticket> relayed;
    std::vector<ticket> own;  ///< both, where peers gather what they bring
    std::vector<ticket> gathered;
  };

  void find_pieces(layer_id layer);
  void find_wholes(layer_id layer);
  void add_pieces(std::vector<piece>& pieces, layer_id home, element_range range, bytes offset);
  void view_resident(layer_id layer);
  status settle();
  status order_after_arrival(slot& which, stream_ref stream);
  status bring(const piece& which, std::span<std::byte> to, slot& target, subject whose,
               priority urgency, stream_ref stream);
  status fill(std::uint32_t index, layer_id layer, priority urgency, stream_ref stream);
  void gather(layer_id layer, std::span<std::byte> memory, slot& target, stream_ref stream);
  status prefetch(stream_ref stream);

  const model& declared_;
  const layout& where_;
  tile_homes& homes_;
  weight_relay& relay_;
  weight_exchange& exchange_;
  peers& peers_;
  slot_policy policy_;
  std::vector<slot> slots_;
  std::vector<std::vector<piece>> pieces_;                ///< by layer
  std::vector<std::vector<whole>> wholes_;                ///< by layer; empty where all is held
  std::vector<std::vector<parameter_memory>> residents_;  ///< by layer; empty where not resident
  std::map<std::string, access_order, std::less<>> orders_;
  access_order* order_;
  std::uint32_t leases_ = 0;
};

}  // namespace ballast
