// What a training run keeps in a checkpoint beside the engine's state: how far it is, the loss
// scale, and what its steps depend on, so that a resumed run can say where it differs.
#pragma once

#include <ballast/loss_scale.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/train/train_settings.hpp"

namespace ballast::tools {

struct training_blob {
  std::uint64_t steps = 0;  ///< done; the next step's index, which is the whole data cursor
  std::optional<std::uint64_t> noise_seed;  ///< where rounding is stochastic
  std::optional<loss_scale::state> scale;
  nlohmann::ordered_json settings;  ///< that the losses depend on

  std::string text() const;
  /// Errors: corrupted
  static result<training_blob> parse(const std::string& text);
};

/// Of stochastic rounding, in the encodings that have it.
std::optional<std::uint64_t> used_noise_seed(const train_settings& settings);

/// The options that change the losses, by name.
nlohmann::ordered_json loss_settings(const train_settings& settings);

/// A line for each that differs.
std::vector<std::string> differences(const nlohmann::ordered_json& saved,
                                     const nlohmann::ordered_json& now);

}  // namespace ballast::tools
