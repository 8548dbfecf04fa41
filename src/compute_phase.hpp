// The first part of a step, in time: the caller's compute, the weights that it waits for, and the
// gradients that it hands over. Pure.
#pragma once

#include <ballast/forecast.hpp>
#include <span>

#include "blueprint.hpp"

namespace ballast {

/// Units: seconds; they add up to the whole phase
struct compute_phase {
  double compute = 0;     ///< the caller's, and what links beside it take of its processors
  double gradients = 0;   ///< passes over what was pushed
  double read = 0;        ///< of weights and activations on NVMe, waited for
  double upload = 0;      ///< waited for
  double download = 0;    ///< waited for
  double write = 0;       ///< of gradients and activations to NVMe, waited for
  double collective = 0;  ///< of weights and gradients between ranks, waited for
};

/// Follows the visits through the slots, as the engine does: one layer's weights are on their way
/// while another one is used, a gradient's slot waits for what it held to be at home. An activation
/// is on its way while the layer before the next one is used.
///
/// Why: compute and links overlap as far as the slots allow, which depends on the order of the
///      visits and not only on sums
compute_phase run_compute(const model& declared, const layout& where, const blueprint& drawn,
                          const engine_config& config, std::span<const timed_visit> visits,
                          const machine_rates& rates);

}  // namespace ballast
