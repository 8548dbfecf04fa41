#include "tools/plan/visit_costs.hpp"

#include <ballast/assert.hpp>

#include "tools/bench/sampling.hpp"
#include "tools/train/visits.hpp"

namespace ballast::tools {
namespace {

/// Which cost stands after each visit; nullptr where nothing is computed.
std::vector<double visit_costs::*> kinds_of(const gpt_model& model,
                                            const std::vector<visit>& visits) {
  std::vector<double visit_costs::*> kinds(visits.size(), nullptr);
  bool forward = true;
  for (std::size_t i = 0; i < visits.size(); ++i) {
    if (visits[i].what != visit::kind::fetch) {
      continue;
    }
    if (visits[i].layer == model.embedding) {
      kinds[i] = &visit_costs::embed;
    } else if (visits[i].layer == model.head) {
      kinds[i] = &visit_costs::head;
      forward = false;
    } else {
      kinds[i] = forward ? &visit_costs::forward : &visit_costs::backward;
    }
  }
  // Between the last block's gradient and the embedding's own.
  kinds[visits.size() - 2] = &visit_costs::embed_backward;
  return kinds;
}

}  // namespace

visit_costs operations_of(const gpt_config& config, const batch_shape& batch) {
  const auto tokens = static_cast<double>(batch.step_tokens());
  const auto width = static_cast<double>(config.width);
  const double block = tokens * (24 * width * width + 2 * batch.tokens * width);
  const double head = tokens * 2 * config.vocabulary * width;
  return {.forward = block, .head = 3 * head, .backward = (batch.keep_activations ? 2 : 3) * block};
}

visit_costs scaled(const visit_costs& costs, double factor) {
  return {costs.embed * factor, costs.forward * factor, costs.head * factor,
          costs.backward * factor, costs.embed_backward * factor};
}

std::vector<timed_visit> timed_visits(const gpt_model& model, const offloaded_inputs& inputs,
                                      const visit_costs& costs) {
  const std::vector<visit> visits = training_visits(model, inputs);
  const auto kinds = kinds_of(model, visits);
  std::vector<timed_visit> timed;
  for (std::size_t i = 0; i < visits.size(); ++i) {
    timed.push_back({visits[i], kinds[i] != nullptr ? costs.*kinds[i] : 0});
  }
  return timed;
}

visit_costs costs_of(const gpt_model& model, const std::vector<double>& seconds) {
  const std::vector<visit> visits = training_visits(model, {});
  require(seconds.size() == visits.size(), "there is a time for each visit");
  const auto kinds = kinds_of(model, visits);
  visit_costs costs;
  for (auto kind : {&visit_costs::embed, &visit_costs::forward, &visit_costs::head,
                    &visit_costs::backward, &visit_costs::embed_backward}) {
    series of_kind;
    for (std::size_t i = 0; i < visits.size(); ++i) {
      if (kinds[i] == kind) {
        of_kind.push_back(seconds[i]);
      }
    }
    costs.*kind = median(of_kind);
  }
  return costs;
}

}  // namespace ballast::tools
