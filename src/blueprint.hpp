// From layout, budgets and options to places and sizes: pure, and followed to the byte by seal().
//
// Tiles fill the device first, then the host, then NVMe, in the order of the flat index. A tile's
// weights and gradient rest with its state on the device, else in host memory: only residual,
// momentum and variance go to NVMe.
#pragma once

#include <ballast/config.hpp>
#include <ballast/plan.hpp>
#include <ballast/rounding.hpp>
#include <functional>

#include "layout.hpp"

namespace ballast {

/// The unit of arithmetic on a tile: what one task updates, and what one digest covers.
inline constexpr elements slice_elements = block_elements * 4;
/// The unit in which a gradient leaves the device.
inline constexpr elements chunk_elements = block_elements * 64;
/// Extents are multiples of it; a store may ask for less.
inline constexpr bytes extent_alignment{4096};

/// What a store keeps for memory that cannot be moved directly: one page of 2 MiB a folder.
inline constexpr bytes bounce_buffer{std::uint64_t{2} << 20};

/// Arrays under way at once while a checkpoint is written or read.
inline constexpr std::uint32_t checkpoint_buffers = 2;

/// How many slots of what size.
struct slot_pool {
  std::uint32_t count = 0;
  bytes size;

  bytes total() const { return size * count; }
};

struct blueprint {
  std::vector<place> tile_places;  ///< by tile: where its optimizer state rests
  slot_pool layer_slots;           ///< device: weights of layers under way
  slot_pool gradient_slots;        ///< device: fp32 gradients of layers under way
  slot_pool staging;               ///< host: tiles between NVMe and the optimizer, and cached ones
  std::uint32_t cached_tiles = 0;  ///< of them
  slot_pool checkpoint_staging;    ///< host: arrays on their way to or from a checkpoint
  bytes checkpoint_reading;        ///< host: the state of a tile, read from a checkpoint
  slot_pool chunk_staging;         ///< host: fp32 gradient chunks on their way to the sums
  slot_pool undo;                  ///< host: weights before an update that may be undone
  std::uint32_t generations = 1;   ///< extents a tile on NVMe takes: 1 live and each kept one
  bytes nvme;                      ///< of all extents: generations and what may be undone
  slot_pool spare;                 ///< nvme: in each of several folders, beyond its share
  bytes undo_extent;               ///< of a state that may be undone; all are of this size
  std::uint32_t slices = 0;        ///< digests of the store
  plan summary;
};

/// What a whole tile takes, by array.
struct tile_bytes {
  bytes weights;
  bytes state;
  bytes gradient;
  bytes sums;  ///< fp32 gradient sums, where the layer may be pushed more than once

  /// Of the state's extent, where it rests on NVMe: what a read or a write of it moves.
  bytes stored() const { return round_up(state, extent_alignment); }
};

tile_bytes bytes_of(const layout& where, const tile& which, bool several_pushes);

/// True when every tile under the layer's own and tied parameters rests on the device.
bool is_resident(const layout& where, const model& declared, layer_id which,
                 const std::vector<place>& tile_places);

/// Errors: does_not_fit with the smallest change that would; invalid_argument
result<blueprint> draw(const model& declared, const layout& where, const engine_config& config,
                       const std::array<bytes, place_count>& reserved);

/// What one step of these visits moves, when it starts with no weights on the device. `order`: of
/// the update; `cached`: whose state is in host memory when the update begins.
traffic predict(const model& declared, const layout& where, const blueprint& drawn,
                const engine_config& config, std::span<const visit> visits,
                std::span<const tile_id> order, const std::function<bool(tile_id)>& cached);

}  // namespace ballast
