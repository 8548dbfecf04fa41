// The order in which the trainer uses a model's layers in one training step: what a plan predicts
// from.
#pragma once

#include <ballast/plan.hpp>
#include <vector>

#include "tools/trainer/gpt_config.hpp"
#include "tools/trainer/gpt_model.hpp"

namespace ballast::tools {

/// Forward through all layers, the head at once backward, then back: vertical order, so that the
/// number of micro-batches matters for inputs that leave the device only.
inline std::vector<visit> training_visits(const gpt_model& model, const offloaded_inputs& inputs) {
  using kind = visit::kind;
  std::vector<visit> visits{{kind::fetch, model.embedding}};
  const auto visit_block = [&](std::size_t index, kind moved) {
    const layer_id layer = model.blocks[index].layer;
    if (index < inputs.blocks) {
      visits.insert(visits.end(), inputs.micro_batches, {moved, layer, inputs.each});
    }
    visits.push_back({kind::fetch, layer});
  };
  for (std::size_t index = 0; index < model.blocks.size(); ++index) {
    visit_block(index, kind::store);
  }
  visits.push_back({kind::fetch, model.head});
  visits.push_back({kind::push, model.head});
  for (std::size_t index = model.blocks.size(); index-- > 0;) {
    visit_block(index, kind::load);
    visits.push_back({kind::push, model.blocks[index].layer});
  }
  visits.push_back({kind::push, model.embedding});
  return visits;
}

}  // namespace ballast::tools
