#include "tools/command/command_call.hpp"

#include <fmt/format.h>

#include "tools/command/option_parser.hpp"

namespace ballast::tools {

command_call::command_call(const option_set& options, std::span<const std::string> arguments)
    : options_(options) {
  auto parsed = parse_options(options, arguments);
  if (!parsed) {
    over_ = fail(parsed.error(), stage::set_up);
  } else if (parsed->help) {
    fmt::print("{}", *parsed->help);
    over_ = exit_code::done;
  } else {
    echoes_ = std::move(parsed->echoes);
  }
}

void command_call::echo_amounts() const {
  for (const std::string& echo : echoes_) {
    fmt::print(stderr, "{}\n", echo);
  }
}

exit_code command_call::fail(const failure& problem, stage when) const {
  fmt::print(stderr, "{}: {}\n", options_.command(), problem.message);
  return exit_code_of(problem, when);
}

}  // namespace ballast::tools
