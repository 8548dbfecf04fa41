// What `ballast bench adam` measures: every combination of some lists.
#pragma once

#include <ballast/config.hpp>
#include <string>
#include <vector>

#include "tools/bench/bench_state.hpp"
#include "tools/bench/word_list.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

struct adam_settings {
  std::vector<std::string> elements{"1e6", "1e7", "1e8"};
  std::vector<std::string> encodings{"fp32", "exact", "fp16", "bf16", "int8"};
  std::vector<std::string> gradients{"bf16"};
  std::vector<std::string> optimizers{"adamw"};
  std::vector<std::string> threads = default_threads();
  std::vector<std::string> isas{"auto"};
  device_kind device = device_kind::host;
  std::uint32_t rounds = 9;
  bool against_passes = false;
  bool flip = false;
  std::string json;
};

option_set adam_options(adam_settings& settings);

/// The lists, understood.
struct adam_plan {
  std::vector<elements> sizes;
  std::vector<state_kind> kinds;
  std::vector<std::uint32_t> threads;
  std::vector<instruction_set> sets;
};

/// Errors: invalid_argument for a word that is none, with the nearest match; unsupported for a
///         device or an instruction set that this machine lacks
result<adam_plan> plan_of(const adam_settings& settings);

/// Errors: does_not_fit when `needed` is more memory than is left; `size` names what needs it
status check_memory(elements size, bytes needed);

}  // namespace ballast::tools
