#include "tools/plan/plan_report.hpp"

#include <fmt/format.h>

#include <cpu/huge_page_region.hpp>

#include "tools/command/size_text.hpp"
#include "tools/engine_settings.hpp"
#include "tools/trace/advice.hpp"

namespace ballast::tools {
namespace {

constexpr const char* schema = "ballast.plan/1";

/// What the last pages take beyond the bytes that were counted, at most: one region on the device, two
/// in host memory.
constexpr bytes page_rounding(place where) {
  return where == place::device ? cpu::huge_page
         : where == place::host ? cpu::huge_page * 2
                                : bytes{};
}

nlohmann::ordered_json places_of(const plan& places) {
  nlohmann::ordered_json all;
  for (const place where : {place::device, place::host, place::nvme}) {
    const auto& budget = places.budgets[static_cast<std::size_t>(where)];
    nlohmann::ordered_json one{
        {"total", places.total(where).value},
        {"budget", budget ? nlohmann::ordered_json(budget->value) : nlohmann::ordered_json()},
        {"page_rounding", page_rounding(where).value},
        {"tiles", places.tiles[static_cast<std::size_t>(where)]},
        {"consumers", nlohmann::ordered_json::array()}};
    for (const consumer& each : places.consumers) {
      if (each.where == where) {
        one["consumers"].push_back({{"name", each.name}, {"bytes", each.size.value}});
      }
    }
    all[to_string(where)] = std::move(one);
  }
  return all;
}

nlohmann::ordered_json step_of(const forecast& step, std::uint64_t tokens) {
  nlohmann::ordered_json made{{"seconds", step.seconds()},
                              {"tokens_per_s", static_cast<double>(tokens) / step.seconds()}};
  for (std::size_t i = 0; i < activity_count; ++i) {
    const auto what = static_cast<activity>(i);
    made["attribution"][to_string(what)] =
        std::chrono::duration<double>(step.time[what]).count() / step.seconds();
  }
  for (const hop each : all_hops) {
    made["bytes"][to_string(each)] = step.moved[each].value;
  }
  made["binds"] = to_string(step.binds);
  made["bound_share"] = step.bound / step.seconds();
  return made;
}

}  // namespace

double plan_report::host_bytes_a_parameter() const {
  return static_cast<double>(step.places.total(place::host).value) /
         static_cast<double>(step.places.parameters.value);
}

std::optional<double> plan_report::disk_days() const {
  const auto written = static_cast<double>(step.moved[hop::write].value);
  return disk_wear::of(written, step.seconds()).days(endurance);
}

std::string plan_report::table() const {
  std::string text = plan_table(step.places);
  const auto mib = [](bytes size) { return size.value >> 20; };
  text += fmt::format(
      "memory is held in pages of {} MiB: up to {} MiB more on the device, {} MiB in host memory\n",
      mib(cpu::huge_page), mib(page_rounding(place::device)), mib(page_rounding(place::host)));
  text += fmt::format(
      "prefetch: weights {} layer{} ahead of compute, state {} tile{} ahead of the "
      "optimizer\n",
      step.layers_ahead, step.layers_ahead == 1 ? "" : "s", step.tiles_ahead,
      step.tiles_ahead == 1 ? "" : "s");
  text += fmt::format("\n{:<22} {:>12} {}\n", "machine", "", "");
  for (const machine_figure& each : machine) {
    text += fmt::format("{:<22} {:>12.3f} {:<14} {}\n", each.name, each.value, each.unit,
                        each.given ? "given" : "measured");
  }
  text += fmt::format("\na step: {:.3f} s, {:.0f} tokens/s: {}\n", step.seconds(),
                      static_cast<double>(tokens) / step.seconds(), shares_text(step.time));
  text += fmt::format("binds: {}, {:.0f} % of the step\n", to_string(step.binds),
                      100 * step.bound / step.seconds());
  text += fmt::format("host memory: {:.2f} bytes a parameter\n", host_bytes_a_parameter());
  text += fmt::format("nvme: {} read and {} written a step\n", rounded_size(step.moved[hop::read]),
                      rounded_size(step.moved[hop::write]));
  const bytes received = step.moved[hop::reduce_scatter] + step.moved[hop::all_gather];
  if (received.value > 0) {
    text += fmt::format("ranks: {} from the others a step\n", rounded_size(received));
  }
  if (const auto days = disk_days()) {
    text += fmt::format("disk life: {:.0f} days at this pace ({:.2f} TB a day of {:.0f} TB)\n",
                        *days, static_cast<double>(endurance.value) / *days / 1e12,
                        static_cast<double>(endurance.value) / 1e12);
  }
  return text;
}

nlohmann::ordered_json plan_report::json() const {
  nlohmann::ordered_json made{
      {"schema", schema},
      {"fits", true},
      {"parameters", step.places.parameters.value},
      {"places", places_of(step.places)},
      {"prefetch", {{"layers", step.layers_ahead}, {"tiles", step.tiles_ahead}}},
      {"machine", nlohmann::ordered_json::array()},
      {"step", step_of(step, tokens)},
      {"host_bytes_per_parameter", host_bytes_a_parameter()},
      {"nvme_bytes_per_step", (step.moved[hop::read] + step.moved[hop::write]).value}};
  for (const machine_figure& each : machine) {
    made["machine"].push_back({{"name", each.name},
                               {"value", each.value},
                               {"unit", each.unit},
                               {"source", each.given ? "given" : "measured"}});
  }
  const auto days = disk_days();
  made["disk_life_days"] = days ? nlohmann::ordered_json(*days) : nlohmann::ordered_json();
  return made;
}

nlohmann::ordered_json refused_plan(const failure& change) {
  return {{"schema", schema}, {"fits", false}, {"change", change.message}};
}

}  // namespace ballast::tools
