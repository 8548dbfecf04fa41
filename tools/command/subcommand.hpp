// The choice of one word out of a table: `ballast COMMAND` and `ballast bench QUESTION`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

struct subcommand {
  const char* name;
  const char* does;
  exit_code (*run)(std::span<const std::string> arguments);
};

/// Runs the one that the first argument names with what follows it; without arguments or for
/// --help prints the table. `before` is what is typed before the word, "ballast bench"; `noun`
/// what the word is, "command".
///
/// Errors: usage, in one line with the nearest match, when there is no such word
exit_code dispatch(std::string_view before, std::string_view noun,
                   std::span<const subcommand> known, std::span<const std::string> arguments);

}  // namespace ballast::tools
