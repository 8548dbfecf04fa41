// What a step takes on a machine that is described by a few numbers: the places that seal() would
// choose, run dry against rates. Pure: measured here or made up, the same numbers give the same
// forecast.
//
// engine::dry_run(config, visits, rates) makes one. src/README.md (The planner) says how good it is.
#pragma once

#include <algorithm>
#include <ballast/activity.hpp>
#include <ballast/encoding.hpp>
#include <ballast/plan.hpp>
#include <cstdint>
#include <vector>

namespace ballast {

/// A visit, and what the caller computes after it, before the next one.
struct timed_visit {
  visit what;
  double compute = 0;  ///< seconds
};

/// Units: bytes a second, of all folders together
struct disk_rates {
  double read = 0;   ///< while nothing is written
  double write = 0;  ///< while nothing is read
  double both = 0;   ///< as much read as written, the sum of both
};

/// What an update of this kind takes, every engine thread at work.
struct update_rate {
  encoding stored = encoding::exact;
  optimizer with = optimizer::adamw;
  double host = 0;    ///< seconds an element whose weights are in host memory
  double device = 0;  ///< seconds an element that rests on the device
};

struct machine_rates {
  double upload = 0;    ///< bytes a second
  double download = 0;  ///< bytes a second
  disk_rates disk;
  std::vector<update_rate> updates;  ///< one for each kind that the model has
  double gradient = 0;  ///< seconds an element of a pushed gradient: cleared, rounded, summed
  double digest = 0;    ///< bytes a second that are stamped or checked
  double peers = 0;     ///< bytes a second that come from other ranks, where there are such
  /// The processors that compute are the engine's own, and copy what a link moves: the host device.
  bool device_is_host = true;
  std::uint32_t processors = 1;  ///< they share what the links take of them
};

/// Seconds of an update whose tiles go through disk and arithmetic, which overlap as far as the
/// carriers go round:
///
///   max(disk, arithmetic, (disk + arithmetic) / carriers) + what fills and drains
///
/// where a tile's share of the lesser one fills and drains the pipeline; with one carrier nothing
/// overlaps.
///
/// Shapes: carriers and tiles at least 1
constexpr double pipeline_seconds(double disk, double arithmetic, double carriers, double tiles) {
  const double bound = std::max({disk, arithmetic, (disk + arithmetic) / carriers});
  return std::min(disk + arithmetic, bound + std::min(disk, arithmetic) / tiles);
}

static_assert(pipeline_seconds(4, 1, 1, 10) == 5);
static_assert(pipeline_seconds(4, 1, 4, 10) == 4.1);
static_assert(pipeline_seconds(4, 1, 4, 1) == 5);

/// What a step's time goes to the most.
enum class resource : std::uint8_t { compute, link, processors, disk, ranks };

constexpr std::string_view to_string(resource which) {
  switch (which) {
    case resource::compute: return "compute";
    case resource::link: return "link";
    case resource::processors: return "processors";
    case resource::disk: return "disk";
    case resource::ranks: return "ranks";
  }
  return "?";
}

struct forecast {
  plan places;
  traffic moved;     ///< by each step but the first
  attribution time;  ///< of such a step; its classes sum to the step
  resource binds = resource::compute;
  double bound = 0;                ///< seconds of the step that `binds` takes
  std::uint32_t layers_ahead = 0;  ///< whose weights are brought in before they are asked for
  std::uint32_t tiles_ahead = 0;   ///< that are read before the optimizer comes to them

  double seconds() const { return std::chrono::duration<double>(time.wall()).count(); }
};

}  // namespace ballast
