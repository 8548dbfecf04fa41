#include "tools/engine_state.hpp"

#include "tools/trainer/gpt.hpp"

namespace ballast::tools {
namespace {

class leased_weights final : public weights_view {
 public:
  explicit leased_weights(weights_lease lease) : lease_(std::move(lease)) {}
  std::span<const std::byte> weights(parameter_id which) const override {
    return lease_.weights(which);
  }

 private:
  weights_lease lease_;
};

class leased_gradients final : public gradients_view {
 public:
  explicit leased_gradients(gradient_lease lease) : lease_(std::move(lease)) {}
  std::span<float> gradient(parameter_id which) override { return lease_.gradient(which); }
  gradient_lease take() { return std::move(lease_); }

 private:
  gradient_lease lease_;
};

ballast::step_options of_engine(const step_options& options) {
  return {.learning_rate = options.learning_rate,
          .clip_norm = options.clip_norm,
          .loss_scale = options.loss_scale};
}

}  // namespace

status reserve_activations(engine& kept_by, const gpt_config& config, const batch_shape& batch) {
  const auto workspace = activation_bytes(config, batch);
  if (!workspace) {
    return workspace.error();
  }
  kept_by.reserve(place::device, *workspace);
  const offloaded_inputs inputs = offloaded_of(config, batch);
  for (std::uint64_t i = 0; i < inputs.count(); ++i) {
    kept_by.reserve(batch.activations, inputs.each);
  }
  return {};
}

void engine_state::begin_pass(std::string_view name) {
  (void)engine_.begin_pass(name);  // its failure sticks: the next fetch() returns it
}

void engine_state::expect_step(const step_options& options) {
  (void)engine_.expect_step(of_engine(options));  // what it refuses step() refuses too
}

result<std::unique_ptr<weights_view>> engine_state::fetch(layer_id which) {
  auto lease = engine_.fetch(which);
  if (!lease) {
    return lease.error();
  }
  return std::unique_ptr<weights_view>(std::make_unique<leased_weights>(*std::move(lease)));
}

result<std::unique_ptr<gradients_view>> engine_state::gradients(layer_id which) {
  auto lease = engine_.gradient_buffer(which);
  if (!lease) {
    return lease.error();
  }
  return std::unique_ptr<gradients_view>(std::make_unique<leased_gradients>(*std::move(lease)));
}

status engine_state::push(std::unique_ptr<gradients_view> gradients, bool last) {
  auto* leased = dynamic_cast<leased_gradients*>(gradients.get());
  require(leased != nullptr, "what is pushed was handed out by this state");
  return engine_.push_gradients(leased->take(), last);
}

result<step_outcome> engine_state::step(const step_options& options) {
  auto report = engine_.step(of_engine(options));
  if (!report) {
    return report.error();
  }
  report_ = *report;
  return step_outcome{report_.gradient_norm, report_.skipped};
}

result<activation_id> engine_state::store_activation(std::span<const std::byte> device_memory) {
  return engine_.store_activation(device_memory);
}

status engine_state::await_stored(activation_id which) { return engine_.await_stored(which); }

status engine_state::expect_activation(activation_id which, std::span<std::byte> device_memory) {
  return engine_.expect_activation(which, device_memory);
}

status engine_state::load_activation(activation_id which, std::span<std::byte> device_memory) {
  return engine_.load_activation(which, device_memory);
}

result<std::span<std::byte>> engine_state::workspace(bytes size) {
  auto lease = engine_.allocate(place::device, size);
  if (!lease) {
    return lease.error();
  }
  workspaces_.push_back(*std::move(lease));
  return workspaces_.back().span();
}

status engine_state::read(parameter_id which, state_part part, elements first,
                          std::span<float> values) {
  return engine_.read(which, part, first, values);
}

}  // namespace ballast::tools
