// What `ballast bench step` measures: every encoding at some sizes, stepped in several ways.
#pragma once

#include <ballast/config.hpp>
#include <ballast/encoding.hpp>
#include <string>
#include <vector>

#include "tools/bench/word_list.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

/// nvme: an engine, state on disk; inlined: nvme, moved by the update's workers, as nvme itself is
/// where the folders are in memory; cached: with host memory for a third of the tiles; undigested: nvme
/// without digests; loop: by hand; host: an engine, state in host memory.
enum class step_way : unsigned char { nvme, inlined, cached, undigested, loop, host };

constexpr std::string_view to_string(step_way way) {
  switch (way) {
    case step_way::nvme: return "nvme";
    case step_way::inlined: return "inline";
    case step_way::cached: return "cached";
    case step_way::undigested: return "undigested";
    case step_way::loop: return "loop";
    case step_way::host: return "host";
  }
  return "?";
}

struct step_settings {
  std::vector<std::string> elements;
  bytes state{std::uint64_t{4} << 30};
  std::vector<std::string> encodings{"exact", "bf16", "int8"};
  std::vector<std::string> ways{"nvme", "cached"};
  engine_config engine{.nvme = {{"."}}};
  std::uint32_t rounds = 7;
  bool flip = false;
  std::string json;
};

option_set step_options_of(step_settings& settings);

/// The lists, understood.
struct step_plan {
  std::vector<encoding> encodings;
  std::vector<step_way> ways;
  std::vector<elements> sizes;  ///< empty: as many as --state asks for

  /// Of an encoding.
  std::vector<elements> sizes_for(encoding stored, bytes state) const;
  bool has(step_way way) const;
};

/// Errors: invalid_argument for what cannot be used, with the nearest match
result<step_plan> plan_of(const step_settings& settings);

}  // namespace ballast::tools
