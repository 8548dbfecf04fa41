// Brings weights that rest on NVMe to the device:
//
//   request --> read --> check --> upload --> next request     a buffer in host memory goes round
//
// Requests wait in order, those of a layer that is asked for before those of one that may be: memory
// and transfers under way are bounded by the buffers. The link's thread never checks: a worker does,
// while the caller computes or waits. Threads: fetch() is the caller's. Ends when nothing is under way.
#pragma once

#include <ballast/block_pool.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "tile_homes.hpp"
#include "workers.hpp"

namespace ballast {

class weight_relay {
 public:
  weight_relay(const layout& where, tile_homes& homes, workers& threads);
  ~weight_relay();

  /// Brings to.size() bytes of a tile's weights, from byte `first` of them on, to device memory.
  ///
  /// Memory: `to` is the relay's until the ticket completes
  /// Errors: of the ticket: corrupted, io_failure, device_failure
  ticket fetch(tile_id which, bytes first, std::span<std::byte> to, priority urgency);

 private:
  class arrival;
  struct request {
    tile_id which;
    bytes first;
    std::span<std::byte> to;
    priority urgency = priority::demand;
    std::shared_ptr<arrival> whom;
  };
  struct buffer {
    weight_relay* owner = nullptr;
    std::span<std::byte> memory;
    request serves;
  };

  // On any thread.
  std::optional<request> take_next();
  void read(buffer& with);
  void arrived(buffer& with, const status& outcome);
  void check_and_upload(buffer& with);
  void finish(buffer& with, const status& outcome);
  status check(const buffer& with) const;

  const layout& where_;
  tile_homes& homes_;
  workers& workers_;
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  std::vector<buffer> buffers_;

  std::mutex mutex_;
  std::condition_variable rests_;
  std::deque<request> demanded_, prefetched_;  ///< guarded by mutex_
  std::vector<buffer*> idle_;                  ///< guarded by mutex_
};

}  // namespace ballast
