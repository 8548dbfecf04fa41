// What a user gives seal(): budgets, where state may rest, and how hard to work. Every field is one
// option of the ballast command and one key of its JSON config (README, Settings).
#pragma once

#include <ballast/types.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ballast {

/// What moves bytes to and from the folders of `nvme`. `inlined`: the workers that update a tile, slice
/// by slice, themselves; where all folders are as fast as memory `automatic` becomes that, else the
/// better of the other two.
enum class io_backend : std::uint8_t { automatic, uring, posix, inlined };
/// Who sums the ranks' gradients. `ordered`: every rank its shard, in ascending order, in fp32, rounded
/// once, so that bits depend on nothing else; `library`: MPI, as it sees fit, so that they depend on it.
/// Threads as ranks have no library, and keep the order.
enum class reduction_kind : std::uint8_t { ordered, library };
enum class device_kind : std::uint8_t { automatic, host, cuda };
enum class instruction_set : std::uint8_t { automatic, sse2, avx2, avx512 };

/// Fractions of the model's tiles forced onto a place; the rest goes to NVMe. Without it tiles fill
/// the device first, then the host, then NVMe, as the budgets allow.
struct forced_placement {
  double device = 0;
  double host = 0;
};

/// A folder on a disk, and how much of it may be used. Where there are several, tiles are spread
/// over them in proportion to their bandwidth, which is measured when they are opened.
struct nvme_folder {
  std::string directory;
  std::optional<bytes> size = {};  ///< nullopt: as much as the plan wants
};

struct engine_config {
  // The ranks that share the model; each has an engine, with the same configuration but for `self`.
  std::uint32_t ranks = 1;
  rank self{};
  std::uint32_t host_ranks = 0;  ///< that share this machine and its budgets; 0: all of them
  std::uint32_t stage = 3;       ///< of ZeRO: what is partitioned over the ranks (layout.hpp)
  reduction_kind reduction = reduction_kind::ordered;

  // Budgets: hard caps. nullopt: as much as the plan wants. The device's is a rank's; the others are
  // this machine's, split evenly over its ranks.
  std::optional<bytes> device_memory = {};
  std::optional<bytes> host_memory = {};
  std::vector<nvme_folder> nvme = {};                    ///< none: nothing may rest on NVMe
  std::optional<std::string> checkpoint_directory = {};  ///< for save() and load()
  std::uint32_t kept_checkpoints = 1;                    ///< older ones are given up

  std::optional<forced_placement> placement = {};
  /// Of tiles whose optimizer state is on NVMe: host, or nvme, from where they are fetched.
  place weights = place::host;
  /// Of the same tiles: host, or nvme, where what was pushed is written and the update reads it.
  /// Gradients that are summed over several pushes (tied parameters) stay in host memory.
  place gradients = place::host;
  elements tile_elements{};          ///< a multiple of block_elements; 0: tile_of() decides
  std::uint32_t pipeline_depth = 8;  ///< tiles under way between NVMe and the optimizer
  std::uint32_t layer_slots = 2;     ///< layers whose weights are on the device at once
  std::uint32_t gradient_slots = 2;  ///< layers whose gradient is on the device at once
  std::uint32_t threads = 0;         ///< engine threads; 0: plan_threads() decides
  /// Host memory for undoing updates that begin while backward still runs (engine::expect_step); a
  /// tile on NVMe takes its weights' size. Zero: updates wait for step().
  bytes undo_memory{};
  bool several_pushes = false;  ///< keep fp32 sums, so that a layer may be pushed more than once

  io_backend io = io_backend::automatic;
  device_kind device = device_kind::automatic;
  instruction_set isa = instruction_set::automatic;
  std::uint64_t noise_seed = 0;  ///< of stochastic rounding, in the encodings bf16 and int8
  bytes io_request{4u << 20};    ///< longest request to a disk; a multiple of 4096 below 1 GiB
  /// Requests under way in each folder. Few: then tiles arrive one after the other, and the disk is
  /// not without work while all of them are worked on.
  std::uint32_t io_depth = 8;
  std::uint32_t io_deadline_seconds = 30;  ///< an I/O older than this is reported
};

/// Elements of a tile: as asked for, else what suits the places. A disk reads and writes at once
/// without loss while all that is under way stays in a cache of some MiB, so where there is one tiles
/// are short. Memory and devices take long ones faster.
constexpr elements tile_of(const engine_config& config) {
  if (config.tile_elements.value > 0) {
    return config.tile_elements;
  }
  return {std::uint64_t{1} << (config.nvme.empty() ? 20 : 17)};
}

}  // namespace ballast
