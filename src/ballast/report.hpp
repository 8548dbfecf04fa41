// What a step did and what it cost: counters only, no policy.
#pragma once

#include <array>
#include <ballast/activity.hpp>
#include <ballast/link.hpp>
#include <string_view>

namespace ballast {

/// The links an engine has; read and write are zero where nothing rests on NVMe, the last two where
/// there are no other ranks: bytes that come from them.
enum class hop : std::uint8_t { read, write, upload, download, reduce_scatter, all_gather };
inline constexpr std::size_t hop_count = 6;
inline constexpr std::array all_hops{hop::read,     hop::write,          hop::upload,
                                     hop::download, hop::reduce_scatter, hop::all_gather};

constexpr std::string_view to_string(hop which) {
  switch (which) {
    case hop::read: return "read";
    case hop::write: return "write";
    case hop::upload: return "upload";
    case hop::download: return "download";
    case hop::reduce_scatter: return "reduce_scatter";
    case hop::all_gather: return "all_gather";
  }
  return "?";
}

/// Bytes over each link.
struct traffic {
  std::array<bytes, hop_count> moved{};

  bytes& operator[](hop which) { return moved[static_cast<std::size_t>(which)]; }
  bytes operator[](hop which) const { return moved[static_cast<std::size_t>(which)]; }
  friend bool operator==(const traffic&, const traffic&) = default;
};

/// What one save() wrote, and how long the caller waited for it.
struct save_report {
  bytes folder;  ///< into the folder of checkpoints: weights, and state that rests in memory
  bytes nvme;    ///< cached tiles, which no step had to write
  nanoseconds took{0};
};

struct step_report {
  std::uint64_t step = 0;     ///< calls of step() so far, skipped ones too
  std::uint64_t updates = 0;  ///< Adam's step number
  double gradient_norm = 0;   ///< global, unscaled, before clipping
  double clip_coefficient = 1;
  bool skipped = false;                       ///< a NaN or Inf in a gradient: nothing was updated
  traffic moved;                              ///< since begin_pass() or the last report
  std::uint32_t early_tiles = 0;              ///< whose update began before step()
  bool rolled_back = false;                   ///< those were undone, and updated again
  std::uint32_t cached_tiles = 0;             ///< of NVMe's, found in host memory by the update
  std::array<nanoseconds, hop_count> busy{};  ///< of each link, overlapping
  nanoseconds optimizer_busy{0};              ///< summed over the engine's threads
  attribution time;                           ///< all of it, since begin_pass() or the last report
};

}  // namespace ballast
