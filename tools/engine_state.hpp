// The trainer's state kept by an engine: a thin translation, no policy.
//
// The engine is sealed and outlives this; one caller thread.
#pragma once

#include <ballast/engine.hpp>
#include <vector>

#include "tools/inspectable_state.hpp"
#include "tools/trainer/gpt_config.hpp"

namespace ballast::tools {

/// Sets aside what a gpt of this shape takes of a state on `kept_by`, before it is sealed: its
/// workspace on the device, and activations where they rest.
///
/// Errors: as check()
status reserve_activations(engine& kept_by, const gpt_config& config, const batch_shape& batch);

class engine_state final : public inspectable_state {
 public:
  explicit engine_state(engine& kept_by) : engine_(kept_by) {}

  void begin_pass(std::string_view name) override;
  void expect_step(const step_options& options) override;
  result<std::unique_ptr<weights_view>> fetch(layer_id which) override;
  result<std::unique_ptr<gradients_view>> gradients(layer_id which) override;
  status push(std::unique_ptr<gradients_view> gradients, bool last) override;
  result<step_outcome> step(const step_options& options) override;
  rank self() const override { return engine_.self(); }
  std::uint32_t ranks() const override { return engine_.ranks(); }
  result<std::vector<double>> gather(double mine) override { return engine_.gather(mine); }
  result<activation_id> store_activation(std::span<const std::byte> device_memory) override;
  status await_stored(activation_id which) override;
  status expect_activation(activation_id which, std::span<std::byte> device_memory) override;
  status load_activation(activation_id which, std::span<std::byte> device_memory) override;
  result<std::span<std::byte>> workspace(bytes size) override;
  status read(parameter_id which, state_part part, elements first,
              std::span<float> values) override;

  /// Of the last step().
  const step_report& report() const { return report_; }

 private:
  engine& engine_;
  std::vector<memory_lease> workspaces_;
  step_report report_;
};

}  // namespace ballast::tools
