// The last part of a step, in time: every tile past the optimizer, those on NVMe through the
// pipeline. Pure.
#pragma once

#include <ballast/forecast.hpp>
#include <functional>
#include <span>

#include "blueprint.hpp"

namespace ballast {

/// Units: seconds
struct update_phase {
  double total = 0;
  double arithmetic = 0;  ///< updates and digests, of the processors or of a device beside them
  double disk = 0;        ///< of reads and writes, did nothing else hold them up
  double writing = 0;     ///< of `total`: nothing but writes is under way
};

/// All tiles of a step's update, and what their traffic takes of the disk.
update_phase run_update(const layout& where, const blueprint& drawn, const engine_config& config,
                        const traffic& moved, const machine_rates& rates);

/// Seconds that a disk takes to read and write so much in one go.
double seconds_of(const disk_rates& rates, bytes read, bytes written);

/// An order of updates as a step has it, and what it finds in the cache.
std::vector<tile_id> updated_tiles(const layout& where);
std::function<bool(tile_id)> steady_cache(const blueprint& drawn, std::span<const tile_id> order);

}  // namespace ballast
