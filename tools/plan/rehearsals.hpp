// Short measurements of this machine, each with the parts that a run would use and in the sizes that
// it would use them: a few seconds together. What they find is what a forecast is made from.
#pragma once

#include <ballast/backends.hpp>
#include <ballast/forecast.hpp>

#include "tools/plan/visit_costs.hpp"

namespace ballast::tools {

/// Seconds of the trainer's arithmetic: real passes over a model of the same shape with few blocks,
/// whose weights are all there.
///
/// Errors: exhausted; those of the trainer
result<visit_costs> rehearse_compute(backends& parts, const engine_config& engine,
                                     const gpt_config& model, const batch_shape& batch);

/// What a store is asked for by an update.
struct tile_work_load {
  bytes state;                 ///< of a tile
  std::uint32_t tiles = 0;     ///< on NVMe
  std::uint32_t carriers = 0;  ///< under way at once
};

/// Moves tiles over a real store's links as the pipeline does, after every byte has been written
/// once.
///
/// Errors: those of the store
result<disk_rates> rehearse_disk(backends& parts, const engine_config& engine,
                                 const tile_work_load& load);

/// Of all engine threads together.
struct arithmetic_figures {
  double update = 0;    ///< seconds an element, in memory
  double gradient = 0;  ///< seconds an element of a pushed gradient: cleared, rounded, summed
  double digest = 0;    ///< bytes a second, of slices that an update has left in the cache
};

/// With the engine's number of threads, over `elements` of state and gradients as long as a layer.
///
/// Errors: unsupported, exhausted
result<arithmetic_figures> rehearse_arithmetic(backends& parts, const engine_config& engine,
                                               const gpt_config& model, elements state,
                                               elements layer);

/// Bytes a second that the device's link brings in pieces of a layer's weights.
///
/// Errors: those of the device
result<double> rehearse_link(backends& parts, const engine_config& engine, bytes layer);

}  // namespace ballast::tools
