#include "tools/bench/step_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ballast::tools {
namespace {

template <class Value>
series each_of(const std::vector<step_sample>& samples, const Value& value) {
  series made(samples.size());
  std::ranges::transform(samples, made.begin(), value);
  return made;
}

series updates_of(const std::vector<step_sample>& samples) {
  return each_of(samples, [](const step_sample& each) { return each.update; });
}

series cpu_of(const std::vector<step_sample>& samples) {
  return each_of(samples, [](const step_sample& each) { return each.cpu; });
}

}  // namespace

std::string step_title() {
  return fmt::format("{:<11} {:<6} {:>11} {:>6} {:>7} {:>8} {:>9} {:>8} {:>8} {:>10} {:>7}  {}",
                     "way", "stored", "elements", "tiles", "cached", "GB moved", "ns/param",
                     "seconds", "limit", "efficiency", "CPU s", "time/CPU beside");
}

void step_rows::add(const entrant& of, const series& limit, const std::string& limit_name,
                    std::span<const entrant> all) const {
  const bool in_host = of.arm->name() == to_string(step_way::host);
  const series zero = each_of(of.samples, [](const auto& each) { return each.zero; });
  const series push = each_of(of.samples, [](const auto& each) { return each.push; });
  const series wall = in_host ? sums(updates_of(of.samples), push) : updates_of(of.samples);
  const double count = static_cast<double>(training_.count().value);
  const auto of_work = [&](double step_sample::*what) {
    return median(each_of(of.samples, [what](const step_sample& each) { return each.*what; }));
  };
  bench_row row{.name = std::string(of.arm->name()),
                .params = {{"optimizer", "adamw"},
                           {"encoding", std::string(to_string(training_.stored()))},
                           {"elements", training_.count().value},
                           {"tile_elements", tile_of(settings_.engine).value},
                           {"pipeline_depth", settings_.engine.pipeline_depth},
                           {"tiles", of.arm->tiles()},
                           {"cached_tiles", of.samples.front().cached_tiles}},
                .unit = "s",
                .values = wall,
                .moved = of.samples.front().moved,
                .limit = bench_row::limit_value{limit_name, median(limit)},
                .efficiency = median(ratios(limit, wall)),
                .verified = true,
                .more = {{"ns_per_parameter", median(wall) / count * 1e9},
                         {"cpu_seconds", median(cpu_of(of.samples))},
                         {"update_seconds", median(updates_of(of.samples))},
                         {"push_seconds", median(push)},
                         {"zero_seconds", median(zero)},
                         {"beside", nlohmann::ordered_json::object()}}};
  if (of.samples.front().copying > 0) {  // of workers that move bytes, and are metered
    row.more["copying_seconds"] = of_work(&step_sample::copying);
    row.more["digests_seconds"] = of_work(&step_sample::digests);
    row.more["arithmetic_seconds"] = of_work(&step_sample::arithmetic);
  }
  std::string beside;
  for (const entrant& other : all) {
    if (&other == &of) {
      continue;
    }
    const double time = median(ratios(wall, updates_of(other.samples)));
    const double cpu = median(ratios(cpu_of(of.samples), cpu_of(other.samples)));
    const double more_a_tile =
        (median(cpu_of(of.samples)) - median(cpu_of(other.samples))) / of.arm->tiles();
    row.more["beside"][std::string(other.arm->name())] = {
        {"time", time}, {"cpu", cpu}, {"cpu_seconds_a_tile_more", more_a_tile}};
    beside += fmt::format(" {} {:.3f}/{:.2f}", other.arm->name(), time, cpu);
  }
  document_.say(fmt::format(
      "{:<11} {:<6} {:>11} {:>6} {:>7} {:>8.3f} {:>9.4f} {:>8.4f} {:>8.4f} {:>10.3f} {:>7.3f} {}",
      row.name, to_string(training_.stored()), training_.count().value, of.arm->tiles(),
      of.samples.front().cached_tiles, static_cast<double>(row.moved.value) * 1e-9,
      median(wall) / count * 1e9, median(wall), median(limit), *row.efficiency,
      median(cpu_of(of.samples)), beside));
  document_.add(row);
}

/// What the workers' time went to, beside theirs that only copy.
void step_rows::say_work(const entrant& of, const series& copied, std::uint32_t threads) const {
  const auto each = [&](double step_sample::*what) {
    return each_of(of.samples, [what](const step_sample& sample) { return sample.*what; });
  };
  const series copying = each(&step_sample::copying);
  const series digests = each(&step_sample::digests);
  const series arithmetic = each(&step_sample::arithmetic);
  const series wall = updates_of(of.samples);
  const double busy = median(ratios(sums(sums(copying, digests), arithmetic), wall)) / threads;
  document_.say(fmt::format(
      "# {} {}: copying {:.3f}, digests {:.3f}, Adam {:.3f} s, from one call in four: {:.3f} of {} "
      "workers' time; {:.3f} times as long as only copying",
      of.arm->name(), to_string(training_.stored()), median(copying), median(digests),
      median(arithmetic), busy, threads, median(ratios(wall, copied))));
}

}  // namespace ballast::tools
