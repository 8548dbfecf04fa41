// What `ballast train` can be told: the table behind its options, its JSON config and its --help.
#pragma once

#include <ballast/config.hpp>
#include <string>
#include <vector>

#include "tools/command/option_set.hpp"
#include "tools/trainer/trainer.hpp"

namespace ballast::tools {

struct train_settings {
  trainer_options trainer;
  engine_config engine;
  std::vector<std::string> data;  ///< empty: the folder of licence texts
  std::uint64_t evaluate_every = 0;
  std::string prompt = "The ";
  sample_options sample;
  std::string log;
  bool demo = false;

  train_settings();
  /// A model that fits neither of its memory budgets and learns on two cores in minutes.
  static train_settings for_demo();
};

option_set train_options(train_settings& settings);

}  // namespace ballast::tools
