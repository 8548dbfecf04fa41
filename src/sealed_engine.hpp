// A sealed engine: every part built, sized and filled; what the public engine's calls are made of.
//
// Owned by the engine; one caller thread. The members stand in the order in which data flows.
#pragma once

#include <ballast/engine.hpp>

#include "activity_log.hpp"
#include "caller_memory.hpp"
#include "checkpoints.hpp"
#include "gradient_slots.hpp"
#include "layer_slots.hpp"
#include "optimizer_step.hpp"
#include "state_access.hpp"
#include "stored_activations.hpp"

namespace ballast {

class sealed_engine {
 public:
  static result<std::unique_ptr<sealed_engine>> make(
      const model& declared, layout where, blueprint drawn, const engine_config& config,
      backends& parts, const std::array<bytes, place_count>& reserved);
  ~sealed_engine();

  status expect_step(const step_options& options);
  result<weights_lease> fetch(layer_id layer, stream_ref stream);
  status push(gradient_lease gradient, bool last, stream_ref stream);
  result<step_report> step(const step_options& options);
  status abandon();
  status begin_pass(std::string_view name);

  status read(parameter_id which, state_part part, elements first, std::span<float> values);
  status write(parameter_id which, state_part part, elements first, std::span<const float> values);

  result<save_report> save(std::string_view blob);
  result<std::string> load();
  bool has_checkpoint() const { return checkpoints_ != nullptr && checkpoints_->any(); }

  /// Remembers the first failure that nothing can undo; one that changed nothing is forgotten.
  void remember(const failure& problem);
  const status& health() const { return health_; }

  gradient_slots& gradients() { return *gradient_slots_; }
  stored_activations& activations() { return *activations_; }
  caller_memory& memory(place where) { return where == place::device ? *on_device_ : *in_host_; }
  const engine_config& config() const { return config_; }
  const plan& summary() const { return drawn_.summary; }
  traffic predict(std::span<const visit> visits) const;
  std::vector<std::string> parts() const;
  result<std::vector<double>> gather(double mine);
  activity_log& log() { return log_; }
  /// The caller's compute ends when a call begins, and goes on when it returns.
  void enter() { log_.end(activity::compute, "compute", {}, computes_since_); }
  void leave() { computes_since_ = log_.begin(activity::compute); }

 private:
  explicit sealed_engine(const model& declared, layout where, blueprint drawn,
                         const engine_config& config, backends& parts);
  status keep_activations();
  status fill();
  status join(backends& parts);
  status build(const std::array<bytes, place_count>& reserved, backends& parts);
  optimizer_step::settings coming(const step_options& options, std::uint64_t later) const;
  void begin_updates();
  status settle_updates();
  status update(const optimizer_step::settings& with, double clip_coefficient);
  void account(step_report& report);

  const model& declared_;
  const layout where_;
  const blueprint drawn_;
  const engine_config config_;
  const clock& time_;
  activity_log log_;
  time_point computes_since_{};
  workers workers_;
  std::unique_ptr<peers> peers_;
  std::unique_ptr<update_backend> host_updates_;
  std::unique_ptr<tile_homes> homes_;
  std::unique_ptr<weight_relay> weight_relay_;
  std::unique_ptr<weight_exchange> weight_exchange_;
  std::unique_ptr<layer_slots> layer_slots_;
  std::unique_ptr<tile_work> work_;
  std::unique_ptr<gradient_slots> gradient_slots_;
  std::unique_ptr<tile_pipeline> pipeline_;
  std::unique_ptr<optimizer_step> optimizer_step_;
  std::unique_ptr<state_access> state_;
  std::unique_ptr<checkpoints> checkpoints_;  ///< none where no folder is configured
  std::unique_ptr<caller_memory> on_device_;
  std::unique_ptr<caller_memory> in_host_;
  std::unique_ptr<stored_activations> activations_;

  std::vector<layer_id> waiting_;  ///< complete, but not yet at home
  std::uint64_t noise_seed_;
  std::uint64_t steps_ = 0;
  std::uint64_t updates_ = 0;
  status health_;
  step_report before_;  ///< counters at the last report
};

}  // namespace ballast
