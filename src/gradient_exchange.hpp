// Sums layers' gradients over the ranks and takes what this rank keeps of the sum home:
//
//   rounded gradient, all of the layer --reduce_scatter--> own shard --> measure, download --> home
//
// Where a rank keeps all gradients (ZeRO stage 1) its own is summed where it rests; else in one of a
// few slots on the device, so that nothing of the peers' shards ever goes home. Where everything is
// replicated (stage 0) the sum's shards are gathered again, and all of it goes home. Reductions begin
// in the order of the pushes and go on beside the caller's backward pass; what is over goes home at
// the next call. Caller's thread; the passes run on the workers.
#pragma once

#include <vector>

#include "first_failure.hpp"
#include "gradient_relay.hpp"
#include "gradient_rounding.hpp"
#include "peers.hpp"
#include "workers.hpp"

namespace ballast {

class gradient_exchange {
 public:
  gradient_exchange(const layout& where, tile_homes& homes, gradient_rounding& rounding,
                    gradient_relay& relay, workers& threads, peers& ranks);
  ~gradient_exchange();

  /// Whether gradients are summed where they rest.
  bool at_rest() const { return at_rest_; }

  /// Memory for all of a layer's rounded gradient, on the device; not where they are summed at rest.
  ///
  /// Errors: of what was there before
  result<std::span<std::byte>> open(layer_id layer);
  /// Begins to sum it: in what open() gave last, or at rest, where `after` brings it.
  void begin(layer_id layer, std::span<const ticket> after, stream_ref stream);
  /// Takes home what has been summed meanwhile.
  ///
  /// Errors: communicator_failure; device_failure
  status advance();
  /// Until every sum is at home, or in the relay.
  status settle();

  /// Whether a layer's sum has come home, or is in the relay.
  bool at_home(layer_id layer) const;

 private:
  struct slot {
    layer_id layer;
    std::span<std::byte> memory;  ///< of the whole layer
    std::vector<ticket> after;    ///< brings it
    ticket summed;                ///< the reduction; not valid once its outcome was taken
    std::vector<ticket> leaving;  ///< downloads of the sum
  };

  status take_home(slot& from);
  status empty(slot& which);

  const layout& where_;
  tile_homes& homes_;
  gradient_rounding& rounding_;
  gradient_relay& relay_;
  workers& workers_;
  peers& peers_;
  const bool at_rest_;
  std::vector<slot> slots_;
  std::uint32_t next_ = 0;
  first_failure passes_;  ///< of the device calls under way on the workers
};

}  // namespace ballast
