// Where the trainer's weights come from and its gradients go: the engine, or the resident reference
// that `ballast prove` compares it with. The model code sees only this.
//
// One caller thread. What is handed out is released by its destructor.
#pragma once

#include <ballast/model.hpp>
#include <ballast/result.hpp>
#include <memory>
#include <span>
#include <vector>

namespace ballast::tools {

/// A layer's weights while they are on the device: its own parameters and those tied to it.
class weights_view {
 public:
  virtual ~weights_view() = default;
  /// The parameter's elements in the compute type of its encoding.
  virtual std::span<const std::byte> weights(parameter_id which) const = 0;
};

/// A layer's gradient, zero when handed out; the caller adds to it, micro-batch after micro-batch.
class gradients_view {
 public:
  virtual ~gradients_view() = default;
  virtual std::span<float> gradient(parameter_id which) = 0;
};

struct step_options {
  double learning_rate = 0;
  double clip_norm = 0;   ///< 0: no clipping
  double loss_scale = 1;  ///< gradients are divided by it
};

struct step_outcome {
  double gradient_norm = 0;  ///< of the unscaled gradient, before clipping
  bool skipped = false;      ///< a NaN or Inf was found; nothing was updated
};

class training_state {
 public:
  virtual ~training_state() = default;

  /// Tells which recorded order the following fetches belong to: "train", "evaluate", "generate".
  virtual void begin_pass(std::string_view name) = 0;
  /// Tells what the coming step() will be called with, so that a state may begin its updates early.
  virtual void expect_step(const step_options&) {}
  virtual result<std::unique_ptr<weights_view>> fetch(layer_id which) = 0;
  virtual result<std::unique_ptr<gradients_view>> gradients(layer_id which) = 0;
  /// Ends the view. `last`: the layer's gradient is complete for this step.
  virtual status push(std::unique_ptr<gradients_view> gradients, bool last) = 0;
  virtual result<step_outcome> step(const step_options& options) = 0;

  // The ranks that share the state; a step's gradient is the sum of what all have pushed.

  virtual rank self() const { return {0}; }
  virtual std::uint32_t ranks() const { return 1; }
  /// Every rank's value, by rank.
  virtual result<std::vector<double>> gather(double mine) { return std::vector<double>{mine}; }

  // Activations off the device, where a state keeps any (engine.hpp says what each call promises).

  virtual result<activation_id> store_activation(std::span<const std::byte>) {
    return keeps_no_activations();
  }
  virtual status await_stored(activation_id) { return keeps_no_activations(); }
  virtual status expect_activation(activation_id, std::span<std::byte>) {
    return keeps_no_activations();
  }
  virtual status load_activation(activation_id, std::span<std::byte>) {
    return keeps_no_activations();
  }

  /// Device memory for activations and workspaces, under the same cap as everything else; it lives
  /// as long as the state. 64 B aligned.
  virtual result<std::span<std::byte>> workspace(bytes size) = 0;

 private:
  static failure keeps_no_activations() {
    return {errc::unsupported, "this state keeps all activations on the device"};
  }
};

}  // namespace ballast::tools
