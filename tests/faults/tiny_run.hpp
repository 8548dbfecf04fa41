// Twenty steps of a tiny model whose optimizer state rests on a store with a queue of the test's own:
// real kernels, real engine, gradients that follow from step, parameter and index.
//
// Two layers, one of them exact: five tiles of one block on NVMe, two under way at once, so that buffers
// go round. One caller at a time.
#pragma once

#include <ballast/encoding.hpp>
#include <nvme/nvme_store.hpp>
#include <optional>

#include "tests/core/resting.hpp"

namespace ballast::faults {

/// Of the gradients: clipped in every step, or in two of twenty, far enough from each other for
/// updates to go on beginning early.
enum class clipping : std::uint8_t { always, seldom };

struct tiny_options {
  std::vector<std::string> folders;  ///< for the store's segments, equally fast
  encoding second;                   ///< of the second layer
  nvme::queue_opener open;           ///< of all stores
  const clock& time;                 ///< of engine and stores
  nvme::note_sink notes = {};
  std::uint64_t steps = 20;
  clipping clipped = clipping::always;
  std::uint32_t undo_tiles = 0;                 ///< whose updates may begin during backward
  resting rest = state_alone;                   ///< of all tiles
  io_backend io = io_backend::automatic;        ///< or inlined: workers bring the tiles
  std::optional<std::string> checkpoints = {};  ///< folder for them
  std::uint64_t save_every = 0;                 ///< steps; 0: never
  bool save_again = false;                      ///< at once, where a save failed
  /// Some sectors, the last one not filled. Several pages would take the sanitizers minutes.
  static constexpr std::size_t usual_activation = 8192 + 3000;
  std::size_t activation = usual_activation;  ///< floats of a layer's
  bool late = false;        ///< every other step is expected after its first push only
  bool load_again = false;  ///< once, where a call failed after a save; then on from there
};

/// A save() and the bits of all state right after it.
struct tiny_save {
  std::uint64_t step;
  status outcome;
  std::vector<std::uint32_t> state;
};

struct tiny_outcome {
  std::optional<failure> problem = {};    ///< of the first call that failed, saves apart
  bool repeated = true;                   ///< every later call returned the same
  std::vector<std::uint32_t> state = {};  ///< the bits of all state; empty after a problem
  std::uint32_t early_tiles = 0;          ///< updated before step() was called, over all steps
  std::uint32_t rolled_back = 0;          ///< steps in which they were undone
  std::vector<tiny_save> saves = {};
};

/// Trains, and reads all state back; whatever fails ends it, but for saves.
tiny_outcome run_tiny(const tiny_options& options);

/// Loads the newest checkpoint and reads all state.
tiny_outcome load_tiny(const tiny_options& options);

}  // namespace ballast::faults
