#include "tools/bench/step_bench.hpp"

#include "tools/bench/step_run.hpp"
#include "tools/command/command_call.hpp"

namespace ballast::tools {
namespace {

/// Calls each(run) for every encoding and size.
template <class Each>
status for_runs(const step_plan& plan, const step_settings& settings, bench_document& document,
                const Each& each) {
  for (const encoding stored : plan.encodings) {
    for (const elements count : plan.sizes_for(stored, settings.state)) {
      step_run run(plan, settings, document, stored, count);
      if (const status done = each(run); !done) {
        return done;
      }
    }
  }
  return {};
}

status measure_all(const step_plan& plan, const step_settings& settings, bench_document& document) {
  document.say(step_title());
  return for_runs(plan, settings, document, [](step_run& run) {
    status done = run.race_disk();
    done = done ? run.race_copying() : done;
    return done ? run.race_host() : done;
  });
}

}  // namespace

exit_code bench_step(std::span<const std::string> arguments) {
  step_settings settings;
  const option_set options = step_options_of(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  const auto plan = plan_of(settings);
  if (!plan) {
    return call.fail(plan.error(), stage::set_up);
  }
  auto document = bench_document::open(options, settings.json);
  if (!document) {
    return call.fail(document.error(), stage::set_up);
  }
  status done =
      for_runs(*plan, settings, *document, [](const step_run& run) { return run.check_fits(); });
  done = done ? measure_all(*plan, settings, *document) : done;
  if (!done) {
    const exit_code code = call.fail(done.error(), stage::set_up);
    return done.error().code == errc::corrupted ? exit_code::verification_failed : code;
  }
  const status written = document->write();
  return written ? exit_code::done : call.fail(written.error(), stage::set_up);
}

}  // namespace ballast::tools
