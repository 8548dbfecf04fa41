// What fixes a GPT-2 model, and what fixes the memory one training step of it computes in.
// Plain values; check() says in one line what cannot be used.
#pragma once

#include <ballast/encoding.hpp>
#include <ballast/result.hpp>
#include <ballast/update.hpp>
#include <cstdint>

namespace ballast::tools {

/// The architecture, and how its parameters are stored and updated. The model is computed in the
/// encoding's compute type.
struct gpt_config {
  std::uint32_t vocabulary = 256;
  std::uint32_t context = 128;  ///< positions the model knows
  std::uint32_t layers = 8;
  std::uint32_t heads = 8;
  std::uint32_t width = 512;
  encoding stored = encoding::exact;
  std::uint64_t seed = 1;  ///< of the initial weights
  /// Its weight decay is that of matrices and embeddings; other parameters have none.
  optimizer_options optimizer =
      adamw_options{.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1};
};

/// How a step is cut, and how many threads compute it.
struct batch_shape {
  std::uint32_t micro_batches = 1;  ///< visited one after the other inside each layer
  std::uint32_t sequences = 4;      ///< of one micro-batch
  std::uint32_t tokens = 64;        ///< of one sequence; at most the model's context
  std::uint32_t threads = 0;        ///< compute threads; 0: one a core
  bool keep_activations = false;    ///< false: only layer boundaries are kept, backward recomputes
  std::uint32_t logit_rows = 256;   ///< tokens whose logits exist at once
  /// Where the inputs of blocks rest between forward and backward: on the device, or off it.
  place activations = place::device;

  std::uint64_t rows() const { return std::uint64_t{sequences} * tokens; }
  std::uint64_t step_tokens() const { return rows() * micro_batches; }
};

/// Inputs of blocks that leave the device in forward and come back in backward, one activation a block
/// and micro-batch. Those of the last two blocks stay: nothing else needs their memory meanwhile.
struct offloaded_inputs {
  std::uint32_t blocks = 0;  ///< the first ones
  std::uint32_t micro_batches = 0;
  bytes each;

  std::uint64_t count() const { return std::uint64_t{blocks} * micro_batches; }
};

offloaded_inputs offloaded_of(const gpt_config& config, const batch_shape& batch);

/// Errors: invalid_argument with the value and what it must be
status check(const gpt_config& config, const batch_shape& batch);

}  // namespace ballast::tools
