// The arm that everything is compared with: all state resident in plain arrays, the optimizer a
// plain loop over the scalar reference, on one thread. It shares no code with the engine: not its
// layout, not its kernels, not its norm. Of several ranks it is all: they push in turn, and their rounded
// gradients are added one after the other.
//
// One caller thread. Memory: heap, uncapped.
#pragma once

#include <ballast/update.hpp>
#include <map>
#include <vector>

#include "tools/inspectable_state.hpp"

namespace ballast::tools {

class resident_state final : public inspectable_state {
 public:
  explicit resident_state(const model& declared, std::uint32_t ranks = 1);

  /// What is pushed from now on is this rank's.
  void work_as(rank which) { now_ = which.value; }

  void begin_pass(std::string_view name) override;
  result<std::unique_ptr<weights_view>> fetch(layer_id which) override;
  result<std::unique_ptr<gradients_view>> gradients(layer_id which) override;
  status push(std::unique_ptr<gradients_view> gradients, bool last) override;
  result<step_outcome> step(const step_options& options) override;
  std::uint32_t ranks() const override { return ranks_; }
  result<std::span<std::byte>> workspace(bytes size) override;
  status read(parameter_id which, state_part part, elements first,
              std::span<float> values) override;

 private:
  /// A layer's arrays, parameters at multiples of 128 elements, the whole a multiple of 4096.
  struct flat_layer {
    encoding stored = encoding::exact;
    std::size_t size = 0;
    std::size_t first = 0;  ///< flat index of its first element
    state_layout arrays{};
    std::vector<std::byte> weights, rounded;
    std::vector<std::byte> residual, momentum, variance, momentum_scale, variance_scale;
    /// Of one rank.
    struct pushes {
      std::vector<float> gradient;
      std::vector<bool> pushed;  ///< by parameter of the layer
    };
    std::vector<pushes> of_ranks;
  };
  struct flat_place {
    std::uint32_t layer;
    std::size_t offset;
    std::size_t count;
    std::size_t index;  ///< inside the layer
  };

  void place_layer(layer_id which);
  void fill_layer(layer_id which);
  state_view view_of(flat_layer& layer, std::size_t offset, std::size_t count);
  static void reduce(flat_layer& layer);
  double round_gradients(bool& finite);
  static float weight_of(const flat_layer& home, std::size_t index);

  const model& declared_;
  const std::uint32_t ranks_;
  std::uint32_t now_ = 0;  ///< the rank that pushes
  std::vector<flat_layer> layers_;
  std::map<std::uint32_t, flat_place> places_;  ///< by parameter
  std::vector<std::vector<std::byte>> workspaces_;
  std::uint64_t updates_ = 0;
};

}  // namespace ballast::tools
