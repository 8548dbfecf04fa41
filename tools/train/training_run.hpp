// One training run from sealed engine to last sample: the loop of `ballast train`.
//
// Owns the model's declaration, the engine and the trainer, built in that order; one thread calls
// it.
#pragma once

#include <ballast/engine.hpp>
#include <memory>
#include <optional>

#include "tools/command/json_lines.hpp"
#include "tools/command/progress.hpp"
#include "tools/engine_state.hpp"
#include "tools/trace/trace_file.hpp"
#include "tools/train/step_record.hpp"
#include "tools/train/train_settings.hpp"
#include "tools/world.hpp"

namespace ballast::tools {

class training_run {
 public:
  /// Loads the text, declares the model and seals the engine; nothing is trained yet.
  ///
  /// Errors: what the text, the model, the plan or the parts refuse
  static result<std::unique_ptr<training_run>> prepare(train_settings settings,
                                                       world::member at = {});

  const plan& sealed() const { return plan_; }
  std::vector<std::string> parts() const { return engine_->parts(); }

  /// Trains all steps; results to stdout and progress to stderr where this rank speaks, records to
  /// `log` and events to `trace` where there are such.
  status train(json_lines* log, trace_file* trace);

 private:
  training_run(train_settings settings, corpus text);

  bool speaks() const { return settings_.engine.self.value == 0; }
  status seal(std::unique_ptr<communicator> door);
  status resume();
  status train_steps(json_lines* log, trace_file* trace);
  status save(json_lines* log);
  result<step_record> one_step(std::uint64_t index);
  status evaluate(std::uint64_t step, json_lines* log, progress* bar);
  void print_summary() const;
  void print_disk() const;
  status print_sample();

  const train_settings settings_;
  const corpus text_;
  const gpt_model model_;
  std::unique_ptr<engine> engine_;
  std::unique_ptr<engine_state> state_;
  std::unique_ptr<trainer> trainer_;
  plan plan_;
  traffic predicted_;

  std::uint64_t begin_ = 0;  ///< index of the first step
  std::uint64_t done_ = 0;   ///< steps, those before a resumed checkpoint too
  std::optional<text_loss> first_, last_;
  double train_seconds_ = 0;
  std::uint64_t trained_tokens_ = 0;
  std::uint64_t skipped_steps_ = 0;
  std::uint64_t unpredicted_steps_ = 0;  ///< whose traffic differed from the plan's
  traffic moved_;                        ///< of the last step
  std::uint32_t cached_tiles_ = 0;       ///< of the last step
  std::uint64_t early_tiles_ = 0;        ///< in all steps
  std::uint64_t roll_backs_ = 0;
  attribution time_;  ///< of all steps
  bytes written_;     ///< to NVMe, by all steps
  std::uint64_t saves_ = 0;
  save_report saved_;  ///< by all saves
};

}  // namespace ballast::tools
