#include "tools/train/train_command.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

#include "tools/command/command_call.hpp"
#include "tools/command/size_text.hpp"
#include "tools/engine_settings.hpp"
#include "tools/train/training_run.hpp"
#include "tools/world.hpp"

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

/// What went wrong, and when: what is set up is refused otherwise than what runs.
struct outcome {
  status result;
  stage when = stage::set_up;
};

/// One rank's run, from its parts to its last step.
outcome train_as(const train_settings& settings, const option_set& options,
                 const command_call& call, world::member at) {
  const bool speaks = at.speaks();
  const auto run = training_run::prepare(settings, std::move(at));
  if (!run) {
    return {run.error()};
  }
  std::optional<json_lines> log;
  if (speaks && !settings.log.empty()) {
    auto opened = json_lines::open(settings.log);
    if (!opened) {
      return {opened.error()};
    }
    log = *std::move(opened);
    if (auto written = log->write({{"schema", "ballast.train/1"}, {"settings", options.values()}});
        !written) {
      return {written};
    }
  }
  std::unique_ptr<trace_file> trace;
  if (speaks && !settings.trace.empty()) {
    auto opened = trace_file::open(settings.trace, steady_clock().now());
    if (!opened) {
      return {opened.error()};
    }
    trace = *std::move(opened);
  }
  if (speaks) {
    call.echo_amounts();
    print_plan(**run);
  }
  return {(*run)->train(log ? &*log : nullptr, trace.get()), stage::running};
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
  auto ranks = world::join(settings.engine.ranks);
  if (!ranks) {
    return call.fail(ranks.error(), stage::set_up);
  }
  const bool speaks = ranks->speaks();
  std::atomic<bool> running = false;
  const status trained = ranks->run([&](world::member at) {
    const outcome of_rank = train_as(settings, options, call, std::move(at));
    if (!of_rank.result && of_rank.when == stage::running) {
      running = true;
    }
    return of_rank.result;
  });
  if (!trained) {
    return call.fail(trained.error(), running ? stage::running : stage::set_up);
  }
  if (speaks) {
    fmt::print("peak resident memory {}\n", rounded_size(peak_resident_memory()));
  }
  return exit_code::done;
}

}  // namespace ballast::tools
