// Sets an option_set's variables from a command line and the JSON configs it may name. What stands
// on the command line wins over a config, wherever --config stands, and a later config over an
// earlier one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/command/option_set.hpp"

namespace ballast::tools {

struct parsed_options {
  /// What to print and stop when --help was given (--help=markdown: README's table); nothing is set
  std::optional<std::string> help;
  /// "--device-memory 1.5GiB is 1610612736 bytes": each amount that was given in other units
  std::vector<std::string> echoes;
};

/// `arguments` without the program's and the command's name.
///
/// Errors: invalid_argument in one line: an unknown option or key with the nearest match, a value
///         that is missing, of the wrong type or refused, an option given twice, a config that
///         cannot be read
result<parsed_options> parse_options(const option_set& known,
                                     std::span<const std::string> arguments);

}  // namespace ballast::tools
