// A small model with generated weights and tokens, trained against a plain_state: what the
// trainer's tests set up. The generating formulas are repeated in pytorch_figures.py.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "tests/tools/plain_state.hpp"
#include "tools/trainer/bfloat16.hpp"
#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/gpt.hpp"

namespace ballast::tools {

struct small_gpt {
  gpt_config config;
  batch_shape batch;
  gpt_model model;
  plain_state state;
  std::unique_ptr<gpt> passes;
  std::vector<std::uint32_t> inputs, targets;

  /// Every dimension is odd on purpose: no vector, block or chunk is full.
  static gpt_config odd_config(encoding stored = encoding::fp32) {
    return {
        .vocabulary = 251, .context = 40, .layers = 2, .heads = 4, .width = 60, .stored = stored};
  }
  static batch_shape odd_batch() { return {.micro_batches = 1, .sequences = 3, .tokens = 37}; }

  explicit small_gpt(const gpt_config& of = odd_config(), const batch_shape& cut = odd_batch())
      : config(of), batch(cut), model(declare(of)), state(model.declared) {
    for (std::uint32_t index = 0; index < model.declared.parameters().size(); ++index) {
      state.set_weights({index}, weights({index}));
    }
    passes = std::move(make_gpt(config, model, batch)).value();
    require(passes->attach(state).has_value(), "a plain state has memory");
    for (std::uint64_t i = 0; i < batch.step_tokens(); ++i) {
      inputs.push_back(static_cast<std::uint32_t>(random_index(5, i, config.vocabulary)));
      targets.push_back(static_cast<std::uint32_t>(random_index(6, i, config.vocabulary)));
    }
  }

  /// Larger than a new model's, and no gain is 1 and no bias 0, so that no gradient is small or
  /// hidden.
  std::vector<float> weights(parameter_id which) const {
    const parameter& of = model.declared.at(which);
    const bool gain = of.name.ends_with("weight") && of.shape.size() == 1;
    const float deviation = of.shape.size() == 1 ? 0.1f : 0.15f;
    std::vector<float> values(of.count.value);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = (gain ? 1.0f : 0.0f) +
                  deviation * random_normal(mixed(77) + 3 * std::uint64_t{which.value}, i);
    }
    return values;
  }

  double train() { return passes->train({inputs, targets}).value(); }

  std::vector<float> gradient(parameter_id which) const {
    const std::span<const float> values = state.gradient(which);
    return {values.begin(), values.end()};
  }
  std::vector<std::vector<float>> gradients() const {
    std::vector<std::vector<float>> all;
    for (std::uint32_t index = 0; index < model.declared.parameters().size(); ++index) {
      all.push_back(gradient({index}));
    }
    return all;
  }
};

/// |a - b| / |b|, Euclidean.
inline double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(difference / size);
}

}  // namespace ballast::tools
