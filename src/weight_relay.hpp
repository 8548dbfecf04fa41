// Brings weights that rest on NVMe to the device:
//
//   request --> read --> check --> upload --> next request     a buffer goes round (relay_buffers)
//
// Requests of a layer that is asked for go before those of one that may be. The link's thread never
// checks: a worker does, while the caller computes or waits. Threads: fetch() is the caller's. Ends
// when nothing is under way.
#pragma once

#include <ballast/block_pool.hpp>

#include "arrival.hpp"
#include "relay_buffers.hpp"
#include "tile_homes.hpp"
#include "workers.hpp"

namespace ballast {

class weight_relay {
 public:
  weight_relay(const layout& where, tile_homes& homes, workers& threads);

  /// Brings to.size() bytes of a tile's weights, from byte `first` of them on, to device memory.
  ///
  /// Memory: `to` is the relay's until the ticket completes
  /// Errors: of the ticket: corrupted, io_failure, device_failure
  ticket fetch(tile_id which, bytes first, std::span<std::byte> to, priority urgency);

 private:
  struct request {
    tile_id which;
    bytes first;
    std::span<std::byte> to;
    priority urgency = priority::demand;
    std::shared_ptr<arrival> whom;
  };
  using buffers = relay_buffers<weight_relay, request>;
  using buffer = buffers::buffer;

  // On any thread.
  void read(buffer& with);
  void arrived(buffer& with, const status& outcome);
  void check_and_upload(buffer& with);
  void finish(buffer& with, const status& outcome);
  status check(const buffer& with) const;

  const layout& where_;
  tile_homes& homes_;
  workers& workers_;
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  buffers buffers_;
};

}  // namespace ballast
