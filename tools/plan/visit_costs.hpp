// What the trainer computes at each kind of visit of a layer: the same numbers for every block, so
// that a model of a few blocks stands for one of many. Seconds, or floating-point operations.
#pragma once

#include <ballast/forecast.hpp>
#include <vector>

#include "tools/trainer/gpt_config.hpp"
#include "tools/trainer/gpt_model.hpp"

namespace ballast::tools {

/// Of all micro-batches of a step together.
struct visit_costs {
  double embed = 0;
  double forward = 0;   ///< of one block
  double head = 0;      ///< its forward and backward
  double backward = 0;  ///< of one block, what is computed again included
  double embed_backward = 0;
};

/// The operations of matrix products and attention; nothing else counts.
///
/// Source: N tokens through a matrix of P elements are 2 N P operations forward and 4 N P backward;
///         causal attention over T positions of C channels is 2 T C a token forward
visit_costs operations_of(const gpt_config& config, const batch_shape& batch);

/// Costs a second instead of operations.
visit_costs scaled(const visit_costs& costs, double factor);

/// The trainer's visits of a step, with what is computed after each.
std::vector<timed_visit> timed_visits(const gpt_model& model, const offloaded_inputs& inputs,
                                      const visit_costs& costs);

/// The other way: what was taken after each of training_visits(model, {}), medians over the blocks.
///
/// Shapes: seconds[visits]
visit_costs costs_of(const gpt_model& model, const std::vector<double>& seconds);

}  // namespace ballast::tools
