#include "tools/train/train_command.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "tools/command/command_call.hpp"
#include "tools/command/size_text.hpp"
#include "tools/engine_settings.hpp"
#include "tools/train/training_run.hpp"

namespace ballast::tools {
namespace {

bytes peak_resident_memory() {
  struct rusage used {};
  getrusage(RUSAGE_SELF, &used);
  return bytes{static_cast<std::uint64_t>(used.ru_maxrss) << 10};
}

void print_plan(const training_run& run) {
  fmt::print("{}", plan_table(run.sealed()));
  for (const std::string& line : run.parts()) {
    fmt::print("{}\n", line);
  }
  std::fflush(stdout);
}

}  // namespace

exit_code train(std::span<const std::string> arguments) {
  // --demo changes the defaults, so it is looked for before the table is made.
  const bool demo = std::ranges::find(arguments, "--demo") != arguments.end();
  train_settings settings = demo ? train_settings::for_demo() : train_settings();
  const option_set options = train_options(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  if (settings.demo && !demo) {
    return call.fail(demo_in_config(), stage::set_up);
  }
  const auto run = training_run::prepare(settings);
  if (!run) {
    return call.fail(run.error(), stage::set_up);
  }
  std::optional<json_lines> log;
  if (!settings.log.empty()) {
    auto opened = json_lines::open(settings.log);
    if (!opened) {
      return call.fail(opened.error(), stage::set_up);
    }
    log = *std::move(opened);
    if (auto written = log->write({{"schema", "ballast.train/1"}, {"settings", options.values()}});
        !written) {
      return call.fail(written.error(), stage::set_up);
    }
  }
  std::unique_ptr<trace_file> trace;
  if (!settings.trace.empty()) {
    auto opened = trace_file::open(settings.trace, steady_clock().now());
    if (!opened) {
      return call.fail(opened.error(), stage::set_up);
    }
    trace = *std::move(opened);
  }
  call.echo_amounts();
  print_plan(**run);
  if (auto trained = (*run)->train(log ? &*log : nullptr, trace.get()); !trained) {
    return call.fail(trained.error(), stage::running);
  }
  fmt::print("peak resident memory {}\n", rounded_size(peak_resident_memory()));
  return exit_code::done;
}

}  // namespace ballast::tools
