// Takes completed gradients that rest on NVMe there from the device:
//
//   request --> download --> stamp --> write --> next request     a buffer goes round (relay_buffers)
//
// The weight_relay's mirror image. No link's thread computes a digest: a worker does, while the caller
// computes or waits. Where a folder does not take a gradient another one does, if there is one with
// room. Threads: calls are the caller's. Ends when nothing is under way.
#pragma once

#include <atomic>
#include <ballast/block_pool.hpp>

#include "arrival.hpp"
#include "first_failure.hpp"
#include "relay_buffers.hpp"
#include "tile_work.hpp"

namespace ballast {

class gradient_relay {
 public:
  gradient_relay(const layout& where, tile_homes& homes, const tile_work& stamps, workers& threads);

  /// Takes a tile's gradient to NVMe; nothing of the tile's is under way.
  ///
  /// Shapes: rounded: device memory of the tile's elements, `spacing` bytes each; each chunk_elements
  ///         of them in the compute type, at the beginning of their room
  /// Memory: `rounded` is the relay's until the ticket completes: then it has left the device
  /// Errors: of the ticket: device_failure; it is settle()'s too
  ticket send(tile_id which, std::span<std::byte> rounded, bytes spacing);

  /// Whether what was sent last is on NVMe.
  bool at_home(tile_id which) const { return at_home_[which.value].load(); }

  /// Waits for what is under way.
  ///
  /// Errors: the first one since the last call: device_failure, io_failure, no_space
  status settle();

 private:
  struct request {
    tile_id which;
    std::span<std::byte> rounded;
    bytes spacing;
    std::shared_ptr<arrival> whom;
  };
  using buffers = relay_buffers<gradient_relay, request>;
  using buffer = buffers::buffer;

  // On any thread.
  void download(buffer& with);
  void downloaded(buffer& with, const status& outcome);
  void written(buffer& with, const status& outcome);
  void finish(buffer& with, const status& outcome);

  // On workers.
  void begin_write(buffer& with);
  void stamp_and_write(buffer& with);
  void change_folder(buffer& with, const failure& why);

  std::size_t chunks_of(tile_id which) const;

  const layout& where_;
  tile_homes& homes_;
  const tile_work& stamps_;
  workers& workers_;
  first_failure failures_;
  std::vector<std::atomic<bool>> at_home_;  ///< by tile
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  buffers buffers_;
};

}  // namespace ballast
