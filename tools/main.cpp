// The ballast command: one binary, one subcommand each for one question.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "tools/bench/bench_command.hpp"
#include "tools/command/subcommand.hpp"
#include "tools/doctor/doctor_command.hpp"
#include "tools/plan/plan_command.hpp"
#include "tools/prove/prove_command.hpp"
#include "tools/train/train_command.hpp"

namespace {

using namespace ballast::tools;

constexpr subcommand subcommands[] = {
    {"train", "trains a GPT-2 on text under the given budgets", train},
    {"prove", "runs the same steps resident and as placed and compares every bit", prove},
    {"plan", "says what goes where, what a step would take, and what would fit", plan_run},
    {"bench", "measures one thing beside its physical limit", bench},
    {"doctor", "says what this machine offers and what is degraded", doctor},
};

}  // namespace

int main(int count, char** words) {
  // A log that meets the file size limit is an error of its write, not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const std::vector<std::string> arguments(words + 1, words + count);
    const exit_code outcome = dispatch("ballast", "command", subcommands, arguments);
    const bool said = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    if (!said && outcome == exit_code::done) {
      fmt::print(stderr, "ballast: what was printed could not be written to standard output\n");
      return static_cast<int>(exit_code::failed);
    }
    return static_cast<int>(outcome);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "ballast: this machine has not the memory for that; make the model smaller\n");
    return static_cast<int>(exit_code::does_not_fit);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "ballast: {}\n", problem.what());
    return static_cast<int>(exit_code::failed);
  }
}
