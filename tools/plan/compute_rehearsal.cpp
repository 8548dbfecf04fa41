#include <algorithm>

#include "tools/bench/sampling.hpp"
#include "tools/plan/rehearsals.hpp"
#include "tools/plan/timed_state.hpp"
#include "tools/train/visits.hpp"
#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/gpt.hpp"

namespace ballast::tools {
namespace {

using namespace literals;

/// As few as stand for many, and no more than this memory holds, but one.
constexpr std::uint64_t most_blocks = 4;
constexpr bytes most_weights = 1_GiB;

std::uint32_t blocks_for(const gpt_config& model) {
  const bytes block = size_of(compute_type(model.stored)) * 12 * model.width * model.width;
  const std::uint64_t held = std::clamp<std::uint64_t>(most_weights / block, 1, most_blocks);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(model.layers, held));
}

constexpr std::size_t rounds = 3;

}  // namespace

result<visit_costs> rehearse_compute(backends& parts, const engine_config& engine,
                                     const gpt_config& model, batch_shape batch) {
  batch.activations = place::device;  // what leaves it is not compute
  gpt_config few = model;
  few.layers = blocks_for(model);
  const gpt_model declared = declare(few);
  auto conversions = parts.make_updates(engine);
  if (!conversions) {
    return conversions.error();
  }
  const auto passes = make_gpt(few, declared, batch);
  if (!passes) {
    return passes.error();
  }
  const auto state = timed_state::make(declared.declared, parts, **conversions);
  if (!state) {
    return state.error();
  }
  if (auto attached = (*passes)->attach(**state); !attached) {
    return attached.error();
  }
  std::vector<std::uint32_t> tokens(batch.step_tokens());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<std::uint32_t>(random_index(1, i, few.vocabulary));
  }
  std::vector<series> by_visit(training_visits(declared, {}).size());
  // The first pass makes the products and touches the workspace.
  for (std::size_t round = 0; round <= rounds; ++round) {
    if (const auto loss = (*passes)->train({tokens, tokens}); !loss) {
      return loss.error();
    }
    const std::vector<double> seconds = (*state)->take_seconds();
    for (std::size_t i = 0; i < seconds.size() && round > 0; ++i) {
      by_visit[i].push_back(seconds[i]);
    }
  }
  std::vector<double> medians;
  std::ranges::transform(by_visit, std::back_inserter(medians), median);
  return costs_of(declared, medians);
}

}  // namespace ballast::tools
