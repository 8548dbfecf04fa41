// A small model whose layers differ in encoding, optimizer and hyperparameters, and one step of it
// with made-up gradients, on any training_state: what the tests of engine and reference drive.
#pragma once

#include <gtest/gtest.h>

#include <ballast/model.hpp>
#include <string>
#include <vector>

#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

struct mixed_model {
  model declared;
  std::vector<layer_id> layers;

  mixed_model() {
    const adamw_options adamw{.beta2 = 0.95, .weight_decay = 0.1};
    const sgd_options nesterov{.momentum = 0.8, .nesterov = true, .weight_decay = 0.01};
    add("exact", encoding::exact, {adamw, adamw_options{.beta1 = 0.8, .weight_decay = 0}});
    add("int8", encoding::int8, {adamw, adamw_options{.beta2 = 0.99, .epsilon = 1e-6}});
    add("bf16", encoding::bf16, {adam_options{.weight_decay = 0.1}, adam_options{.beta1 = 0.5}});
    add("fp16", encoding::fp16, {adamw});
    add("fp16_sgd", encoding::fp16, {nesterov, sgd_options{}});
    add("int8_sgd", encoding::int8, {nesterov});
    add("bf16_sgd", encoding::bf16, {sgd_options{.momentum = 0}});
    add("fp32_sgd", encoding::fp32, {nesterov});
    add("exact_sgd", encoding::exact, {sgd_options{}, nesterov});
  }

  /// One step; with `overflow` one gradient is finite, but not in f16.
  result<step_outcome> step(training_state& state, std::uint64_t number, bool overflow) const {
    state.begin_pass("train");
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
      auto gradients = state.gradients(*layer);
      if (!gradients) return gradients.error();
      for (const parameter_id which : declared.at(*layer).parameters) {
        const std::span<float> values = (*gradients)->gradient(which);
        for (std::size_t i = 0; i < values.size(); ++i) {
          values[i] += scale * 0.01f * random_normal(mixed(number) + 3 * which.value, i);
        }
        if (overflow && declared.at(which).name == "fp16.0") values[17] = 1e6f;
      }
      if (status pushed = state.push(std::move(*gradients), true); !pushed) return pushed.error();
    }
    return state.step(
        {.learning_rate = 1e-2, .clip_norm = number % 2 == 0 ? 1.0 : 0.0, .loss_scale = scale});
  }

 private:
  static constexpr float scale = 64;

  /// Parameters of sizes that fill no group, slice or tile, the groups going round; one is frozen.
  void add(const std::string& name, encoding stored, const std::vector<optimizer_options>& groups) {
    std::vector<group_id> ids;
    for (const optimizer_options& each : groups) ids.push_back(declared.add_group(each));
    layers.push_back(declared.add_layer(name));
    std::uint64_t index = 0;
    for (const std::uint64_t count : {9001u, 129u, 12u, 4095u}) {
      const std::uint64_t key = mixed(declared.parameters().size());
      declared.add_parameter(layers.back(), name + "." + std::to_string(index), {count},
                             {.stored = stored,
                              .group = ids[index % ids.size()],
                              .trainable = index != 2,
                              .init = [key](element_range range, std::span<float> values) {
                                for (std::size_t i = 0; i < values.size(); ++i) {
                                  values[i] = random_normal(key, range.begin.value + i);
                                }
                              }});
      ++index;
    }
  }
};

}  // namespace ballast::tools
