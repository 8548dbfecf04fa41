#include "tools/trainer/gpt_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/trainer/counter_random.hpp"

namespace ballast::tools {

namespace {

initializer normal(std::uint64_t key, float deviation) {
  return [key, deviation](element_range range, std::span<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = deviation * random_normal(key, range.begin.value + i);
    }
  };
}

initializer constant(float value) {
  return [value](element_range, std::span<float> values) { std::ranges::fill(values, value); };
}

/// Adds parameters to one model under this configuration's encoding, groups and seed.
class declarer {
 public:
  declarer(ballast::model& into, const gpt_config& config)
      : model_(into), config_(config), decayed_(into.add_group(config.optimizer)) {
    optimizer_options plain = config.optimizer;
    std::visit([](auto& of) { of.weight_decay = 0; }, plain);
    undecayed_ = into.add_group(plain);
  }

  parameter_id matrix(layer_id where, std::string name, std::uint64_t out, std::uint64_t in,
                      float deviation) {
    const std::uint64_t key = mixed(config_.seed) + 3 * model_.parameters().size();
    return model_.add_parameter(where, std::move(name), {out, in},
                                {.stored = config_.stored,
                                 .group = decayed_,
                                 .trainable = true,
                                 .init = normal(key, deviation)});
  }

  parameter_id vector(layer_id where, std::string name, std::uint64_t count, float value) {
    return model_.add_parameter(where, std::move(name), {count},
                                {.stored = config_.stored,
                                 .group = undecayed_,
                                 .trainable = true,
                                 .init = constant(value)});
  }

 private:
  ballast::model& model_;
  const gpt_config& config_;
  group_id decayed_;
  group_id undecayed_;
};

constexpr float deviation = 0.02f;

block_parameters declare_block(ballast::model& into, declarer& add, const gpt_config& config,
                               std::uint32_t index) {
  const std::uint64_t width = config.width;
  const float residual_deviation = deviation / std::sqrt(2.0f * static_cast<float>(config.layers));
  const layer_id layer = into.add_layer(fmt::format("block.{}", index));
  const std::string prefix = fmt::format("h.{}.", index);
  block_parameters block;
  block.layer = layer;
  block.norm1_gain = add.vector(layer, prefix + "ln_1.weight", width, 1);
  block.norm1_bias = add.vector(layer, prefix + "ln_1.bias", width, 0);
  block.qkv_weight = add.matrix(layer, prefix + "attn.qkv.weight", 3 * width, width, deviation);
  block.qkv_bias = add.vector(layer, prefix + "attn.qkv.bias", 3 * width, 0);
  block.attention_out_weight =
      add.matrix(layer, prefix + "attn.proj.weight", width, width, residual_deviation);
  block.attention_out_bias = add.vector(layer, prefix + "attn.proj.bias", width, 0);
  block.norm2_gain = add.vector(layer, prefix + "ln_2.weight", width, 1);
  block.norm2_bias = add.vector(layer, prefix + "ln_2.bias", width, 0);
  block.up_weight = add.matrix(layer, prefix + "mlp.fc.weight", 4 * width, width, deviation);
  block.up_bias = add.vector(layer, prefix + "mlp.fc.bias", 4 * width, 0);
  block.down_weight =
      add.matrix(layer, prefix + "mlp.proj.weight", width, 4 * width, residual_deviation);
  block.down_bias = add.vector(layer, prefix + "mlp.proj.bias", width, 0);
  return block;
}

}  // namespace

gpt_model declare(const gpt_config& config) {
  gpt_model gpt;
  declarer add(gpt.declared, config);
  gpt.embedding = gpt.declared.add_layer("embedding");
  gpt.token_embedding =
      add.matrix(gpt.embedding, "wte", config.vocabulary, config.width, deviation);
  gpt.position_embedding =
      add.matrix(gpt.embedding, "wpe", config.context, config.width, deviation);
  for (std::uint32_t index = 0; index < config.layers; ++index) {
    gpt.blocks.push_back(declare_block(gpt.declared, add, config, index));
  }
  gpt.head = gpt.declared.add_layer("head");
  gpt.final_gain = add.vector(gpt.head, "ln_f.weight", config.width, 1);
  gpt.final_bias = add.vector(gpt.head, "ln_f.bias", config.width, 0);
  gpt.declared.tie(gpt.token_embedding, gpt.head);
  return gpt;
}

}  // namespace ballast::tools
