// The arms of a proof: every combination of where state rests and how the engine works.
#pragma once

#include <ballast/config.hpp>
#include <string>
#include <vector>

#include "tools/prove/prove_settings.hpp"

namespace ballast::tools {

/// One combination: where state rests, and how hard and with what the engine works.
struct arm {
  std::string placement, compute, threads, tile, io, isa;
  engine_config config;

  std::string name() const;
};

/// Every combination of the settings' lists; `quick` keeps all places and encodings, and of the
/// rest what a user gets by default.
///
/// Errors: invalid_argument for a word that none of the lists knows
result<std::vector<arm>> arms(const prove_settings& settings);

}  // namespace ballast::tools
