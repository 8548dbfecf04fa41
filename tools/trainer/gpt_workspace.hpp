// All memory a gpt computes in, cut from one span in one place.
#pragma once

#include <algorithm>
#include <vector>

#include "tools/trainer/language_head.hpp"
#include "tools/trainer/transformer_block.hpp"

namespace ballast::tools {

/// What each compute thread needs, known once every product has been made.
struct scratch_sizes {
  unsigned threads;
  std::size_t product_bytes;
  std::size_t block_elements;
  std::size_t attention_bytes;
};

template <class T>
struct gpt_workspace {
  /// [layers + 1][micro-batches]; where inputs leave the device, a block's and that of the second
  /// one after it share memory
  std::vector<std::vector<std::span<float>>> boundaries;
  std::vector<std::vector<block_activations<T>>> activations;  ///< kept ones, or a single shared
  block_gradients<T> gradients;
  head_activations<T> head;
  scratch_set scratch;

  gpt_workspace(carver& from, const gpt_config& config, const batch_shape& batch,
                std::size_t head_chunk, const scratch_sizes& sizes)
      : gradients(from, config, batch.rows()), head(from, config, head_chunk, true) {
    const bool shared = batch.activations != place::device;
    boundaries.resize(config.layers + 1);
    for (std::uint32_t index = 0; index <= config.layers; ++index) {
      if (shared && index >= 2 && index < config.layers) {
        boundaries[index] = boundaries[index - 2];
        continue;
      }
      for (std::uint32_t micro = 0; micro < batch.micro_batches; ++micro) {
        boundaries[index].push_back(from.take<float>(batch.rows() * config.width));
      }
    }
    activations.resize(batch.keep_activations ? config.layers : 1);
    for (auto& layer : activations) {
      const std::uint32_t count = batch.keep_activations ? batch.micro_batches : 1;
      for (std::uint32_t micro = 0; micro < count; ++micro) {
        layer.emplace_back(from, config, batch.rows());
      }
    }
    for (unsigned slot = 0; slot < sizes.threads; ++slot) {
      scratch.push_back({.product = from.take<std::byte>(sizes.product_bytes),
                         .block = from.take<float>(sizes.block_elements),
                         .attention = from.take<std::byte>(sizes.attention_bytes)});
    }
  }

  /// Where the block's activations of a micro-batch go.
  const block_activations<T>& kept(std::size_t layer, std::size_t micro) const {
    const auto& of_layer = activations[std::min(layer, activations.size() - 1)];
    return of_layer[std::min(micro, of_layer.size() - 1)];
  }
};

}  // namespace ballast::tools
