// The second hop of a step: takes layers' gradients from the caller's compute to their homes.
//
// A gradient that is pushed once is rounded on the device and downloaded in the compute type. One
// that is pushed several times (a tied parameter, accumulation) is summed in fp32, in the order of
// the pushes, and rounded when it is complete. A gradient that rests on NVMe goes there by the
// gradient_relay. Where there are peers the rounded gradients are summed on the way (gradient_exchange).
// Always its block sums of squares are taken from the rounded values. Caller's thread only; the passes
// run on the engine's workers.
#pragma once

#include <ballast/lease.hpp>
#include <vector>

#include "first_failure.hpp"
#include "gradient_exchange.hpp"
#include "gradient_relay.hpp"
#include "gradient_rounding.hpp"
#include "gradient_sums.hpp"

namespace ballast {

class gradient_slots final : public lease_keeper {
 public:
  gradient_slots(const model& declared, const layout& where, const blueprint& drawn,
                 tile_homes& homes, update_backend& host_updates, const tile_work& stamps,
                 workers& threads, peers& ranks);
  ~gradient_slots() override;

  /// Errors: exhausted when every slot is on lease; invalid_argument for a frozen layer
  result<gradient_lease> lease(layer_id layer, stream_ref stream);
  /// Errors: wrong_order; device_failure
  status push(gradient_lease gradient, bool last, stream_ref stream);
  /// Rounds what is still summed and waits for what is on its way.
  ///
  /// Errors: wrong_order when a trainable layer was not pushed; device_failure; those of writes
  status complete();
  /// Waits for what is on its way.
  status settle_all();
  /// Forgets every gradient of this step.
  void reset();

  /// Whether all of a layer's gradient is at home, as it will be used: not where it is still summed.
  bool at_home(layer_id layer) const;

  /// Of the completed gradient: the ordered sum of squares, and whether all of it was finite.
  double sum_of_squares() const { return rounding_.sum_of_squares(); }
  bool finite() const { return rounding_.finite(); }

  bool any_leased() const { return leases_ > 0; }

  void give_back(std::uint32_t index) override;

 private:
  struct slot {
    bool leased = false;
    layer_id layer;  ///< whose gradient `downloads` take from the device
    std::vector<ticket> downloads;
  };

  status settle(slot& which);
  status check_push(layer_id layer, bool last) const;
  void clear_frozen(const gradient_lease& gradient, stream_ref stream);
  status round_and_download(const gradient_lease& gradient, slot& from, stream_ref stream);
  status round_and_exchange(const gradient_lease& gradient, slot& from, stream_ref stream);
  status exchange_sums(layer_id layer);

  const model& declared_;
  const layout& where_;
  tile_homes& homes_;
  workers& workers_;
  first_failure passes_;  ///< of the device calls under way on the workers
  gradient_rounding rounding_;
  gradient_sums sums_;
  gradient_relay relay_;
  peers& peers_;
  gradient_exchange exchange_;
  std::vector<slot> slots_;
  std::uint32_t next_slot_ = 0;
  std::vector<bool> complete_;  ///< by layer: the push marked last has come
  std::vector<bool> pushed_;    ///< by layer
  std::uint32_t leases_ = 0;
};

}  // namespace ballast
