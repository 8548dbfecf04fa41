// What `ballast train` can be told: the table behind its options, its JSON config and its --help.
#pragma once

#include <ballast/config.hpp>
#include <string>
#include <vector>

#include "tools/command/option_set.hpp"
#include "tools/train/optimizer_settings.hpp"
#include "tools/trainer/trainer.hpp"

namespace ballast::tools {

struct train_settings {
  trainer_options trainer;
  optimizer_settings optimizer;  ///< for trainer.model.optimizer
  std::optional<double> loss_scale;
  std::optional<std::uint64_t> loss_scale_growth;
  engine_config engine;
  std::vector<std::string> data;  ///< empty: the folder of licence texts
  std::uint64_t evaluate_every = 0;
  std::string prompt = "The ";
  sample_options sample;
  std::string log;
  std::string trace;
  std::uint64_t save_every = 0;  ///< steps between checkpoints; 0: one at the end
  bool resume = false;
  bool demo = false;

  train_settings();
  /// Puts the choice of optimizer and loss scale into the trainer's options.
  ///
  /// Errors: invalid_argument for an option that the chosen optimizer or encoding does not have
  status resolve();

  /// A model that fits neither of its memory budgets and learns on two cores in minutes.
  static train_settings for_demo();
};

/// What is said to a config that names the demo, whose settings are defaults.
failure demo_in_config();

/// Everything that a training run can be told, for each command that speaks of one.
void add_train_options(option_set& options, train_settings& settings);
option_set train_options(train_settings& settings);

}  // namespace ballast::tools
