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
                                     const gpt_config& model, batch_shape batch);

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

/// Layers of a model, all alike.
struct layer_run {
  std::uint32_t layers = 1;
  elements longest;
  elements most;  ///< of all of them together
};

/// One step of an engine that nobody computes for.
struct update_figures {
  elements updated;
  std::uint32_t tiles = 0;
  bytes moved;           ///< read and written on NVMe
  double seconds = 0;    ///< of engine::step()
  double gradients = 0;  ///< of clearing, rounding and sending home all gradients before
};

/// Steps a real engine whose layers are as long as the model's and are cut alike, its state in host
/// memory or on NVMe: a few of the layers, as far as they are more than the last cache holds. Budgets
/// do not bind it.
///
/// Memory: up to 24 Mi elements, 500 MB
/// Errors: those of sealing and of a step
result<update_figures> rehearse_update(const engine_config& run, const gpt_config& model,
                                       const layer_run& like, place where);

/// Bytes a second that all engine threads together stamp or check.
double rehearse_digests(const engine_config& engine, const gpt_config& model);

/// Bytes a second that the device's link brings in pieces of a layer's weights.
///
/// Errors: those of the device
result<double> rehearse_link(backends& parts, const engine_config& engine, bytes layer);

/// Bytes a second that come to each of so many ranks from the others, as threads of this process, in
/// pieces of a layer's weights.
///
/// Errors: those of collectives
result<double> rehearse_ranks(std::uint32_t ranks, bytes layer);

}  // namespace ballast::tools
