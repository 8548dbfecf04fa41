// The ballast command: one binary, one subcommand each for one question.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tools/command/nearest_match.hpp"
#include "tools/doctor/doctor_command.hpp"
#include "tools/prove/prove_command.hpp"
#include "tools/train/train_command.hpp"

namespace {

using namespace ballast::tools;

struct subcommand {
  const char* name;
  const char* does;
  exit_code (*run)(std::span<const std::string> arguments);
};

constexpr subcommand subcommands[] = {
    {"train", "trains a GPT-2 on text under the given budgets", train},
    {"prove", "runs the same steps resident and as placed and compares every bit", prove},
    {"doctor", "says what this machine offers and what is degraded", doctor},
};

void print_usage(std::FILE* to) {
  fmt::print(to, "usage: ballast COMMAND [--option value ...]\n\n");
  for (const subcommand& each : subcommands) {
    fmt::print(to, "  {:<8} {}\n", each.name, each.does);
  }
  fmt::print(to, "\nballast COMMAND --help lists the options of one.\n");
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments.empty()) {
    print_usage(stderr);
    return static_cast<int>(exit_code::usage);
  }
  if (arguments.front() == "--help" || arguments.front() == "help") {
    print_usage(stdout);
    return static_cast<int>(exit_code::done);
  }
  std::vector<std::string> names;
  for (const subcommand& each : subcommands) {
    if (arguments.front() == each.name) {
      return static_cast<int>(each.run(std::span(arguments).subspan(1)));
    }
    names.emplace_back(each.name);
  }
  fmt::print(stderr, "ballast: there is no command \"{}\"{}\n", arguments.front(),
             did_you_mean(arguments.front(), names));
  return static_cast<int>(exit_code::usage);
}
