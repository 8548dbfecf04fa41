#include "tools/bench/nvme_bench.hpp"

#include <fmt/format.h>

#include "tools/bench/bench_document.hpp"
#include "tools/bench/nvme_run.hpp"
#include "tools/command/command_call.hpp"

namespace ballast::tools {
namespace {

result<disk_setting> measure_all(nvme_run& run, const bench_document& document) {
  if (const status ready = run.prepare(); !ready) {
    return ready.error();
  }
  document.say(title_line());
  if (const status raced = run.race_settings(); !raced) {
    return raced.error();
  }
  const auto best = run.find_best();
  if (!best) {
    return best;
  }
  document.say(fmt::format("best: --io {} --io-request {} --io-depth {}", to_string(best->backend),
                           best->asked.block.value, best->asked.depth));
  if (const status raced = run.race_stores(*best); !raced) {
    return raced.error();
  }
  return best;
}

}  // namespace

exit_code bench_nvme(std::span<const std::string> arguments) {
  nvme_settings settings;
  const option_set options = nvme_options(settings);
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
  std::optional<json_lines> saved;
  if (!settings.save.empty()) {
    auto opened = json_lines::open(settings.save);
    if (!opened) {
      return call.fail(opened.error(), stage::set_up);
    }
    saved = *std::move(opened);
  }
  nvme_run run(*plan, settings, *document);
  const auto best = measure_all(run, *document);
  if (!best) {
    const exit_code code = call.fail(best.error(), stage::set_up);
    return best.error().code == errc::corrupted ? exit_code::verification_failed : code;
  }
  status written = saved ? saved->write(config_of(*best)) : status();
  written = written ? document->write() : written;
  return written ? exit_code::done : call.fail(written.error(), stage::set_up);
}

}  // namespace ballast::tools
