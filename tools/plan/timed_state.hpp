// A state that lends weights and takes gradients like an engine's, keeps no optimizer state, and
// notes how long the trainer computes between its calls. For rehearsals.
//
// One caller thread. Memory: weights in the compute type and two gradients, on 2 MiB pages, as an
// engine's device has them.
#pragma once

#include <ballast/backends.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "tools/trainer/training_state.hpp"

namespace ballast::tools {

class timed_state final : public training_state {
 public:
  /// Errors: exhausted
  static result<std::unique_ptr<timed_state>> make(const model& declared, backends& parts,
                                                   update_backend& conversions);

  void begin_pass(std::string_view name) override;
  result<std::unique_ptr<weights_view>> fetch(layer_id which) override;
  result<std::unique_ptr<gradients_view>> gradients(layer_id which) override;
  status push(std::unique_ptr<gradients_view> gradients, bool last) override;
  result<step_outcome> step(const step_options& options) override;
  result<std::span<std::byte>> workspace(bytes size) override;

  /// The last pass is over: seconds computed after each fetch and each push of it.
  std::vector<double> take_seconds();

 private:
  timed_state(const model& declared, backends& parts) : declared_(declared), parts_(parts) {}

  void fill(update_backend& conversions);
  void count_up_to_now();
  void go_on() { since_ = std::chrono::steady_clock::now(); }

  const model& declared_;
  backends& parts_;
  std::unique_ptr<memory_region> weights_;
  std::vector<std::span<std::byte>> parameters_;  ///< by parameter
  std::unique_ptr<memory_region> gradients_;      ///< two, each as long as the longest
  std::size_t gradient_floats_ = 0;
  std::size_t lent_ = 0;
  std::vector<std::unique_ptr<memory_region>> workspaces_;
  std::vector<double> seconds_;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace ballast::tools
