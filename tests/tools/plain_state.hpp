// A training_state in plain memory, for the trainer's own tests and speed measurements: no tiers,
// the optimizer's kernels over tiles on all cores.
//
// One caller thread. Memory: heap, uncapped.
#pragma once

#include <ballast/update.hpp>
#include <map>
#include <vector>

#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

struct plain_state_options {
  unsigned threads = 0;                ///< of the optimizer; 0: one a core
  bool share_gradient_memory = false;  ///< one layer's fp32 gradient at a time, as an engine would
};

class plain_state final : public training_state {
 public:
  explicit plain_state(const model& declared, plain_state_options options = {});
  ~plain_state() override;

  void begin_pass(std::string_view name) override;
  result<std::unique_ptr<weights_view>> fetch(layer_id which) override;
  result<std::unique_ptr<gradients_view>> gradients(layer_id which) override;
  status push(std::unique_ptr<gradients_view> gradients, bool last) override;
  result<step_outcome> step(const step_options& options) override;
  result<std::span<std::byte>> workspace(bytes size) override;

  // As late as they may, and memory that must not be read is poisoned.
  result<activation_id> store_activation(std::span<const std::byte> memory) override;
  status await_stored(activation_id which) override;
  status expect_activation(activation_id which, std::span<std::byte> memory) override;
  status load_activation(activation_id which, std::span<std::byte> memory) override;

  /// The sum of this step's pushes, until the next step's first; not with share_gradient_memory.
  std::span<const float> gradient(parameter_id which) const;
  std::span<const std::byte> weights(parameter_id which) const;
  std::vector<float> weight_values(parameter_id which) const;  ///< widened
  void set_weights(parameter_id which, std::span<const float> values);
  std::size_t activations_stored() const { return next_activation_; }
  bytes workspace_bytes() const { return workspace_bytes_; }
  const std::vector<std::string>& order() const { return order_; }  ///< fetches and pushes, by name

 private:
  struct flat_layer {
    encoding stored = encoding::exact;
    state_layout arrays{};
    std::size_t size = 0;
    std::size_t first = 0;  ///< flat index of its first element
    std::vector<std::byte> weights, rounded;
    std::vector<std::byte> residual, momentum, variance, momentum_scale, variance_scale;
    std::vector<double> sums;
    std::vector<float> own_gradient;
    bool gradient_open = false;
  };
  struct activation {
    std::span<std::byte> memory;  ///< it is in, until it has left
    std::vector<std::byte> kept;
  };
  struct flat_place {
    std::uint32_t layer;
    std::size_t offset, count;
  };

  void place_layer(layer_id which);
  void fill_layer(layer_id which);
  std::span<float> gradient_of(std::uint32_t layer);
  void open_gradient(std::uint32_t layer);
  void round_gradient(std::uint32_t layer);
  state_view view_of(flat_layer& layer, std::size_t offset, std::size_t count);
  bool is_tied(std::uint32_t layer) const;

  const model& declared_;
  plain_state_options options_;
  std::unique_ptr<update_backend> updates_;
  std::vector<flat_layer> layers_;
  std::vector<flat_place> places_;
  std::vector<float> shared_gradient_;
  std::vector<std::vector<std::byte>> workspaces_;
  bytes workspace_bytes_;
  std::vector<std::string> order_;
  std::map<std::uint32_t, activation> activations_;
  std::uint32_t next_activation_ = 0;
  std::uint32_t findings_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace ballast::tools
