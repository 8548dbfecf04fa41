// Where every tile's arrays rest: the owner of the device arrays, the host region and the store,
// laid out by a blueprint. Only a tile's extent on NVMe changes after, with its generations.
//
// Tiles of one place follow each other in the order of the flat index, so what is adjacent in a
// layer is adjacent in memory wherever neighbours share a place.
#pragma once

#include <ballast/backends.hpp>
#include <ballast/store.hpp>
#include <memory>
#include <vector>

#include "blueprint.hpp"
#include "stored_tiles.hpp"
#include "traced_link.hpp"

namespace ballast {

/// One tile's home. Sums are in host memory unless `where` is the device.
struct tile_home {
  place where = place::host;      ///< of the optimizer state
  std::span<std::byte> weights;   ///< compute type; empty on NVMe
  std::span<std::byte> gradient;  ///< compute type; empty on NVMe, and where the layer is frozen
  std::span<float> sums;          ///< fp32; empty unless the layer is pushed more than once
  std::span<std::byte> state;     ///< residual, moments, scales; empty on NVMe
  std::array<bool, tile_array_count> stored{};  ///< on NVMe, by array
  double share = 0;  ///< of its place's arrays that lie before it: who touched it first

  std::span<std::byte> memory(tile_array which) const;
  bool on_nvme(tile_array which) const { return stored[index_of(which)]; }
};

class tile_homes {
 public:
  static result<std::unique_ptr<tile_homes>> make(const layout& where, const blueprint& drawn,
                                                  const engine_config& config, backends& parts,
                                                  communicator& ranks, bytes host_reserved,
                                                  const first_touch& by, activity_log& log);

  const tile_home& at(tile_id which) const { return homes_[which.value]; }
  /// All of a layer's array, in memory: in one piece where the peers read it (blueprint, whole_layers).
  std::span<std::byte> whole(const layer_layout& of, tile_array which) const;
  device& on_device() { return *device_; }
  const device& on_device() const { return *device_; }
  store* on_disk() { return store_.get(); }
  const store* on_disk() const { return store_.get(); }
  /// Extents of the tiles that have this array on NVMe; there is a store.
  stored_tiles& stored(tile_array which) { return *stored_[index_of(which)]; }
  const memory_region& in_host() const { return *region_; }

  // The links, as the activity log hears them; reads and writes where there is a store.
  link& upload() { return *upload_; }
  link& download() { return *download_; }
  link& read() { return *read_; }
  link& write() { return *write_; }
  activity_log& log() { return log_; }

  std::size_t staging_count() const { return staging_.size(); }
  std::span<std::byte> staging(std::uint32_t slot) const { return staging_[slot]; }
  /// Workers move what is on NVMe themselves, slice by slice: there is no staging.
  bool inlined() const { return !slice_buffers_.empty(); }
  std::span<const std::span<std::byte>> slice_buffers() const { return slice_buffers_; }
  std::span<const std::span<std::byte>> relay() const { return relay_; }
  std::span<const std::span<std::byte>> gradient_relay() const { return gradient_relay_; }
  std::span<const std::span<std::byte>> activation_relay() const { return activation_relay_; }
  std::span<std::byte> checkpoint_staging(std::uint32_t slot) const { return checkpoint_[slot]; }
  /// For a checkpoint's weights and state while it is read; the weights' is the last of the
  /// checkpoint's staging.
  std::span<std::byte> read_weights() const { return checkpoint_.back(); }
  std::span<std::byte> read_state() const { return read_state_; }
  std::size_t undo_count() const { return undo_.size(); }
  std::span<std::byte> undo(std::uint32_t slot) const { return undo_[slot]; }
  std::span<std::byte> chunk_staging(std::uint32_t slot) const { return chunks_[slot]; }
  std::span<std::byte> layer_slot(std::uint32_t slot) const { return layer_slots_[slot]; }
  std::span<std::byte> gradient_slot(std::uint32_t slot) const { return gradient_slots_[slot]; }
  std::size_t exchange_count() const { return exchange_.size(); }
  std::span<std::byte> exchange(std::uint32_t slot) const { return exchange_[slot]; }
  std::span<std::byte> caller_host() const { return caller_host_; }

 private:
  explicit tile_homes(activity_log& log) : log_(log) {}
  status open(const layout& where, const blueprint& drawn, const engine_config& config,
              backends& parts, communicator& ranks, bytes host_reserved, const first_touch& by);
  status share(const layout& where, const tile_bytes& in_host, communicator& ranks);
  status place_slots(const blueprint& drawn);
  status place_tiles(const layout& where, const blueprint& drawn, const engine_config& config);
  status place_on_disk(tile_id which, const layout& where, const engine_config& config);

  activity_log& log_;
  std::unique_ptr<memory_region>
      region_;  ///< outlives device and store, whose links move its bytes
  /// The same, of what the peers read where it rests: weights and gradients of which all ranks keep
  /// all; none where there is no such.
  std::unique_ptr<memory_region> shared_region_;
  std::optional<traced_link> upload_, download_, read_, write_;  ///< outlive them too
  std::unique_ptr<device> device_;
  std::unique_ptr<store> store_;
  std::array<std::unique_ptr<stored_tiles>, tile_array_count> stored_;
  std::span<std::byte> host_left_;    ///< of the region, not yet given out
  std::span<std::byte> shared_left_;  ///< of the shared one
  std::vector<tile_home> homes_;
  std::vector<std::span<std::byte>> staging_, relay_, gradient_relay_, activation_relay_,
      slice_buffers_, checkpoint_, chunks_, undo_, layer_slots_, gradient_slots_, exchange_;
  std::span<std::byte> read_state_;
  std::span<std::byte> caller_host_;
};

}  // namespace ballast
