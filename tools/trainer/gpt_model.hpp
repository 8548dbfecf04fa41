// GPT-2 as a ballast::model: which layers and parameters there are, their initial values, and the
// ids under which the compute code asks for them. A declaration; it holds no values.
//
// Layers, in the order of use: "embedding" (wte, wpe), "block.0" ... , "head" (ln_f, and wte tied
// in). Every matrix is stored [out, in], row-major, as the embedding table is: a forward product is
// then X W^T with both operands read along rows, and its gradient dY^T X has W's own layout.
#pragma once

#include <ballast/model.hpp>
#include <vector>

#include "tools/trainer/gpt_config.hpp"

namespace ballast::tools {

/// Shapes: gains and biases [C], qkv [3C, C], attention_out [C, C], up [4C, C], down [C, 4C]
struct block_parameters {
  layer_id layer;
  parameter_id norm1_gain, norm1_bias;
  parameter_id qkv_weight, qkv_bias;
  parameter_id attention_out_weight, attention_out_bias;
  parameter_id norm2_gain, norm2_bias;
  parameter_id up_weight, up_bias;
  parameter_id down_weight, down_bias;
};

struct gpt_model {
  ballast::model declared;
  layer_id embedding;
  parameter_id token_embedding;     ///< wte [vocabulary, C], also the head's matrix
  parameter_id position_embedding;  ///< wpe [context, C]
  std::vector<block_parameters> blocks;
  layer_id head;
  parameter_id final_gain, final_bias;
};

/// Initial values as GPT-2's: N(0, 0.02) for matrices and embeddings, the two that write to the
/// residual stream scaled by 1/sqrt(2 layers), gains 1, biases 0. Weight decay applies to matrices
/// and embeddings only.
gpt_model declare(const gpt_config& config);

}  // namespace ballast::tools
