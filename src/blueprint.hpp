// From layout, budgets and options to places and sizes: pure, and followed to the byte by seal().
//
// Tiles fill the device first, then the host, then NVMe, in the order of the flat index. A tile's
// weights and gradient rest with its state on the device, else in host memory: residual, momentum
// and variance go to NVMe, and weights and gradient too where the options say so.
#pragma once

#include <ballast/config.hpp>
#include <ballast/plan.hpp>
#include <ballast/rounding.hpp>
#include <functional>

#include "layout.hpp"
#include "tile_array.hpp"

namespace ballast {

/// What a rank of this configuration holds.
constexpr partition partition_of(const engine_config& config) {
  return {config.self, config.ranks, config.stage, config.several_pushes};
}

/// The unit of arithmetic on a tile: what one task updates, and what one digest covers.
inline constexpr elements slice_elements = block_elements * 4;
/// The unit in which a gradient leaves the device.
inline constexpr elements chunk_elements = block_elements * 64;
/// Extents are multiples of it; a store may ask for less.
inline constexpr bytes extent_alignment{4096};

/// What a store keeps for memory that cannot be moved directly: one page of 2 MiB a folder.
inline constexpr bytes bounce_buffer{std::uint64_t{2} << 20};

/// The unit in which activations rest on NVMe, and of their digests: each begins a page of its own.
inline constexpr bytes activation_page{std::uint64_t{256} << 10};
/// Pages under way at once between the device and NVMe.
inline constexpr std::uint32_t activation_buffers = 8;

/// Arrays under way at once while a checkpoint is written or read.
inline constexpr std::uint32_t checkpoint_buffers = 2;

/// How many slots of what size.
struct slot_pool {
  std::uint32_t count = 0;
  bytes size;

  bytes total() const { return size * count; }
};

/// What one generation of a tile takes on NVMe: an extent for each array that rests there.
struct tile_room {
  std::array<bytes, tile_array_count> extents{};  ///< by array; 0: rests elsewhere
  std::uint32_t slices_each = 0;                  ///< digests of an extent

  bytes of(tile_array which) const { return extents[index_of(which)]; }
  bytes total() const { return extents[0] + extents[1] + extents[2]; }
  std::uint32_t slices() const;
  /// Without the gradient: what a checkpoint keeps, and what may have to be undone.
  tile_room lasting() const;
  friend bool operator==(const tile_room&, const tile_room&) = default;
};

struct blueprint {
  std::vector<place> tile_places;  ///< by tile: where its optimizer state rests
  slot_pool layer_slots;           ///< device: weights of layers under way
  slot_pool gradient_slots;        ///< device: fp32 gradients of layers under way
  slot_pool exchange;              ///< device: rounded gradients of layers that are being reduced
  slot_pool staging;               ///< host: tiles between NVMe and the optimizer, and cached ones
  slot_pool slice_buffers;         ///< host: a slice of a tile, where workers move it themselves
  slot_pool relay;                 ///< host: weights of tiles between NVMe and the device
  slot_pool gradient_relay;        ///< host: gradients of tiles between the device and NVMe
  slot_pool activation_relay;      ///< host: pages of activations between the device and NVMe
  slot_pool activation_pages;      ///< nvme: of the caller's activations
  std::uint32_t cached_tiles = 0;  ///< of them
  slot_pool checkpoint_staging;    ///< host: arrays on their way to or from a checkpoint
  bytes checkpoint_reading;        ///< host: the state of a tile, read from a checkpoint
  slot_pool chunk_staging;         ///< host: fp32 gradient chunks on their way to the sums
  slot_pool undo;                  ///< host: weights before an update that may be undone
  std::uint32_t generations = 1;   ///< of lasting extents: 1 live and each kept one
  bytes nvme;                      ///< of all extents: generations, what may be undone, activations
  slot_pool spare;                 ///< nvme: in each of several folders, beyond its share
  tile_room undo_room;             ///< nvme: of an update that may be undone; all are alike
  std::uint32_t slices = 0;        ///< digests of the store
  plan summary;
};

/// What this rank has of a whole tile.
struct tile_bytes {
  std::array<bytes, tile_array_count> arrays{};  ///< a frozen layer has no gradient
  bytes sums;  ///< fp32 gradient sums, where the layer may be pushed more than once

  bytes of(tile_array which) const { return arrays[index_of(which)]; }
};

tile_bytes bytes_of(const layout& where, const tile& which);

/// Where an array rests of a tile of `layer` whose state rests at `state`. A gradient that is summed
/// does so, and then rests, in memory.
place place_of(tile_array which, const layout& where, const layer_layout& layer, place state,
               const engine_config& config);

/// Of a tile on NVMe.
tile_room room_of(const layout& where, const tile& which, const engine_config& config);

/// What a read or a write of such a tile's arrays moves: whole extents, or, where workers do it
/// themselves, the arrays alone.
tile_room moved_of(const layout& where, const tile& which, const engine_config& config);

/// True when every tile under the layer's own and tied parameters rests on the device.
bool is_resident(const layout& where, const model& declared, layer_id which,
                 const std::vector<place>& tile_places);

/// Errors: does_not_fit with the smallest change that would; invalid_argument
result<blueprint> draw(const model& declared, const layout& where, const engine_config& config,
                       const std::array<bytes, place_count>& reserved);

/// What peers bring of weights that they have updated, where all ranks keep all of them: in every step
/// but after a skipped one.
bytes gathered_ahead_of(const layout& where);

/// What one step of these visits moves, when it starts with no weights on the device, without what is
/// gathered ahead of it. `order`: of
/// the update; `cached`: whose state is in host memory when the update begins.
traffic predict(const model& declared, const layout& where, const blueprint& drawn,
                const engine_config& config, std::span<const visit> visits,
                std::span<const tile_id> order, const std::function<bool(tile_id)>& cached);

}  // namespace ballast
