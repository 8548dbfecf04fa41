#include "tools/plan/plan_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/engine.hpp>

#include "tools/command/command_call.hpp"
#include "tools/command/json_lines.hpp"
#include "tools/engine_state.hpp"
#include "tools/plan/plan_report.hpp"

namespace ballast::tools {
namespace {

/// Errors: does_not_fit, before anything is measured; those of the settings and of the rehearsals
result<plan_report> planned(plan_settings& settings) {
  if (auto resolved = settings.run.resolve(); !resolved) {
    return resolved.error();
  }
  const trainer_options& training = settings.run.trainer;
  const gpt_model model = declare(training.model);
  engine planner(model.declared, make_backends());
  if (auto reserved = reserve_activations(planner, training.model, training.batch); !reserved) {
    return reserved.error();
  }
  const auto places = planner.dry_run(settings.run.engine);
  if (!places) {
    return places.error();
  }
  const auto machine = describe_planned(settings, model, *places);
  if (!machine) {
    return machine.error();
  }
  auto step = planner.dry_run(settings.run.engine, machine->visits, machine->rates);
  if (!step) {
    return step.error();
  }
  return plan_report{*std::move(step), machine->figures, training.batch.step_tokens(),
                     settings.endurance};
}

}  // namespace

exit_code plan_run(std::span<const std::string> arguments) {
  // As ballast train: --demo changes the defaults, so it is looked for before the table is made.
  const bool demo = std::ranges::find(arguments, "--demo") != arguments.end();
  plan_settings settings;
  settings.run = demo ? train_settings::for_demo() : train_settings();
  const option_set options = plan_options(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  if (settings.run.demo && !demo) {
    return call.fail(demo_in_config(), stage::set_up);
  }
  std::optional<json_lines> file;
  if (!settings.json.empty()) {
    auto opened = json_lines::open(settings.json);
    if (!opened) {
      return call.fail(opened.error(), stage::set_up);
    }
    file = *std::move(opened);
  }
  const auto report = planned(settings);
  const bool refused = !report && report.error().code == errc::does_not_fit;
  if (file && (report || refused)) {
    auto document = report ? report->json() : refused_plan(report.error());
    document["settings"] = options.values();
    if (auto written = file->write(document); !written) {
      return call.fail(written.error(), stage::running);
    }
  }
  if (!report) {
    return call.fail(report.error(), stage::set_up);
  }
  if (!file) {
    call.echo_amounts();
    fmt::print("{}", report->table());
  }
  return exit_code::done;
}

}  // namespace ballast::tools
