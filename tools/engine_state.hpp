// The trainer's state kept by an engine: a thin translation, no policy.
//
// The engine is sealed and outlives this; one caller thread.
#pragma once

#include <ballast/engine.hpp>
#include <vector>

#include "tools/inspectable_state.hpp"

namespace ballast::tools {

class engine_state final : public inspectable_state {
 public:
  explicit engine_state(engine& kept_by) : engine_(kept_by) {}

  void begin_pass(std::string_view name) override;
  void expect_step(const step_options& options) override;
  result<std::unique_ptr<weights_view>> fetch(layer_id which) override;
  result<std::unique_ptr<gradients_view>> gradients(layer_id which) override;
  status push(std::unique_ptr<gradients_view> gradients, bool last) override;
  result<step_outcome> step(const step_options& options) override;
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
