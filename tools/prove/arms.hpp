// The arms of a proof: every combination of where state rests and how the engine works.
#pragma once

#include <ballast/config.hpp>
#include <ballast/encoding.hpp>
#include <string>
#include <vector>

#include "tools/prove/prove_settings.hpp"

namespace ballast::tools {

/// One combination: where state rests, and how hard and with what the engine works.
struct arm {
  std::string encoding, optimizer, placement, threads, tile, io, isa, stage;
  engine_config config;
  place activations = place::device;
  ballast::encoding stored{};
  optimizer_options update_by;

  std::string pair() const { return encoding + " " + optimizer; }  ///< has one reference
  std::string name() const;
};

/// Of the first encoding and optimizer every combination of the settings' lists; of each other pair
/// every placement, while the rest of the lists goes round, so that each word meets each encoding.
/// `quick`: the first pair in every placement and each other encoding in one, the optimizers going
/// round; of the rest what a user gets by default.
///
/// Errors: invalid_argument for a word that none of the lists knows
result<std::vector<arm>> arms(const prove_settings& settings);

}  // namespace ballast::tools
