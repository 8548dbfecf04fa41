// The order in which the trainer uses a model's layers in one training step: what a plan predicts
// from.
#pragma once

#include <ballast/plan.hpp>
#include <vector>

#include "tools/trainer/gpt_model.hpp"

namespace ballast::tools {

/// Forward through all layers, the head at once backward, then back: vertical order, so that the
/// number of micro-batches does not matter.
inline std::vector<visit> training_visits(const gpt_model& model) {
  using kind = visit::kind;
  std::vector<visit> visits{{kind::fetch, model.embedding}};
  for (const block_parameters& block : model.blocks) {
    visits.push_back({kind::fetch, block.layer});
  }
  visits.push_back({kind::fetch, model.head});
  visits.push_back({kind::push, model.head});
  for (auto block = model.blocks.rbegin(); block != model.blocks.rend(); ++block) {
    visits.push_back({kind::fetch, block->layer});
    visits.push_back({kind::push, block->layer});
  }
  visits.push_back({kind::push, model.embedding});
  return visits;
}

}  // namespace ballast::tools
