// The ballast command: one binary, one subcommand each for one question.
#include <fmt/format.h>

#include <exception>
#include <new>
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

exit_code run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_usage(stderr);
    return exit_code::usage;
  }
  if (arguments.front() == "--help" || arguments.front() == "help") {
    print_usage(stdout);
    return exit_code::done;
  }
  std::vector<std::string> names;
  for (const subcommand& each : subcommands) {
    if (arguments.front() == each.name) {
      return each.run(std::span(arguments).subspan(1));
    }
    names.emplace_back(each.name);
  }
  fmt::print(stderr, "ballast: there is no command \"{}\"{}\n", arguments.front(),
             did_you_mean(arguments.front(), names));
  return exit_code::usage;
}

}  // namespace

int main(int count, char** words) {
  try {
    return static_cast<int>(run({words + 1, words + count}));
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "ballast: this machine has not the memory for that; make the model smaller\n");
    return static_cast<int>(exit_code::does_not_fit);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "ballast: {}\n", problem.what());
    return static_cast<int>(exit_code::failed);
  }
}
