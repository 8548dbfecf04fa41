// One call of a subcommand, from its words to its exit code: options are read, help is printed,
// and whatever fails is one line on stderr that begins with the command's name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/command/exit_code.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

class command_call {
 public:
  /// Sets the variables of `options`, which must outlive this.
  command_call(const option_set& options, std::span<const std::string> arguments);

  /// The exit code of a call that is over already: help was printed, or an option refused.
  std::optional<exit_code> over() const { return over_; }

  /// Says on stderr which exact amounts were understood.
  void echo_amounts() const;

  /// Tells the failure and gives the exit code it leads to.
  exit_code fail(const failure& problem, stage when = stage::running) const;

 private:
  const option_set& options_;
  std::optional<exit_code> over_;
  std::vector<std::string> echoes_;
};

}  // namespace ballast::tools
