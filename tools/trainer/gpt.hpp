// The model's passes: forward and backward over all layers and micro-batches, evaluation, and the
// logits of a next token, against whatever holds the weights (training_state.hpp).
//
// Vertical order: a layer is fetched once a pass and visited by all micro-batches before the next
// layer; each layer's gradient is pushed once, complete. Only layer boundaries are kept between
// forward and backward, on the device or off it, unless the batch_shape says otherwise; recomputing
// gives the same bits. All
// activations and scratch come from training_state::workspace, once, at attach(); afterwards only
// oneDNN allocates, inside its products. One caller thread; the computing is done by an own pool.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tools/trainer/gpt_config.hpp"
#include "tools/trainer/gpt_model.hpp"
#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

/// Shapes: inputs, targets [micro_batches, sequences, tokens], ids below the vocabulary; a target
///         may be ignored_target (language_head.hpp)
struct token_batch {
  std::span<const std::uint32_t> inputs;
  std::span<const std::uint32_t> targets;
  double loss_scale = 1;  ///< train() pushes gradients of the loss times this
};

class gpt {
 public:
  virtual ~gpt() = default;

  /// Bytes of workspace that attach() will ask for, exactly.
  virtual bytes activation_bytes() const = 0;

  /// Takes the workspace. Called once, before any pass; the state must outlive this object.
  virtual status attach(training_state& state) = 0;

  /// Forward and backward over a step's micro-batches; pushes every layer's gradient of the mean
  /// loss over all tokens, times the loss scale, and returns the loss in nats.
  virtual result<double> train(const token_batch& batch) = 0;

  /// The sum of the cross-entropies of a batch in nats, in the pass "evaluate". Of the batch, any
  /// number of micro-batches up to batch_shape's may be given.
  virtual result<double> evaluate(const token_batch& batch) = 0;

  /// Logits of the token after `window`, in the pass "generate"; valid until the next pass.
  ///
  /// Shapes: window[1 .. tokens], result[vocabulary]
  virtual result<std::span<const float>> next_logits(std::span<const std::uint32_t> window) = 0;
};

/// Errors: as check()
result<std::unique_ptr<gpt>> make_gpt(const gpt_config& config, const gpt_model& model,
                                      const batch_shape& batch);

/// What make_gpt(...)->activation_bytes() would say, for a plan.
result<bytes> activation_bytes(const gpt_config& config, const batch_shape& batch);

}  // namespace ballast::tools
