#include "tools/bench/pass_bench.hpp"

#include <fmt/format.h>

#include <numeric>

#include "cpu/update_backend.hpp"
#include "tools/bench/adam_check.hpp"
#include "tools/bench/machine.hpp"
#include "tools/bench/pass_arms.hpp"

namespace ballast::tools {
namespace {

/// A pass, with what was measured of it and of its limit.
struct measured_pass {
  std::string name;
  bytes moved;
  series seconds;
  series limit;
  std::string limit_name;
};

using measured_arm = std::vector<measured_pass>;

/// A round is both arms, pass after pass, then the limits of every pass.
std::vector<measured_arm> measure(const std::vector<std::vector<step_pass>>& arms, elements count,
                                  thread_team& team, std::uint32_t rounds) {
  std::vector<work> works;
  for (const auto& arm : arms) {
    for (const step_pass& pass : arm) works.push_back(pass.run);
  }
  std::vector<traffic_limit> limits;
  for (const auto& arm : arms) {
    for (const step_pass& pass : arm) {
      limits.push_back(find_limit(pass.arrays, count, 1, team));
      works.insert(works.end(), limits.back().works.begin(), limits.back().works.end());
    }
  }
  const std::vector<series> taken = interleave(works, rounds, turn_order::fixed);
  std::vector<measured_arm> measured;
  std::size_t pass_index = 0;
  std::size_t limit_begin = limits.size();
  for (const auto& arm : arms) {
    measured_arm& found = measured.emplace_back();
    for (const step_pass& pass : arm) {
      const traffic_limit& limit = limits[pass_index];
      const auto tried = std::span(taken).subspan(limit_begin, limit.works.size());
      const std::size_t best = traffic_limit::best(tried);
      found.push_back({pass.name, traffic_of(pass.arrays, count), taken[pass_index], tried[best],
                       limit.variants[best].name()});
      ++pass_index;
      limit_begin += limit.works.size();
    }
  }
  return measured;
}

measured_pass whole(const measured_arm& arm, std::string name) {
  measured_pass sum{std::move(name), {}, {}, {}, "the passes' limits together"};
  for (const measured_pass& each : arm) {
    sum.moved += each.moved;
    sum.seconds = sum.seconds.empty() ? each.seconds : sums(std::move(sum.seconds), each.seconds);
    sum.limit = sum.limit.empty() ? each.limit : sums(std::move(sum.limit), each.limit);
  }
  return sum;
}

/// What all rows of one run have in common.
struct step_setting {
  elements count;
  std::uint32_t threads;
  std::string set;

  nlohmann::ordered_json params(const std::string& arm) const {
    return {{"arm", arm},         {"optimizer", "adamw"},
            {"gradient", "bf16"}, {"elements", count.value},
            {"threads", threads}, {"isa", set},
            {"device", "host"}};
  }
};

void report(const step_setting& setting, const std::string& arm, const std::string& name,
            const measured_pass& pass, bench_document& document) {
  const auto count = static_cast<double>(setting.count.value);
  const double bytes_each = static_cast<double>(pass.moved.value) / count;
  const double nanoseconds = median(pass.seconds) / count * 1e9;
  bench_row row{.name = name,
                .params = setting.params(arm),
                .values = rates(pass.moved, pass.seconds),
                .moved = pass.moved,
                .verified = true,
                .more = {{"bytes_per_parameter", bytes_each},
                         {"ns_per_parameter", nanoseconds},
                         {"seconds", median(pass.seconds)}}};
  std::string beside = fmt::format("{:>8}", "in cache");
  if (!in_cache(pass_arms::memory_of(setting.count))) {
    row.limit = {pass.limit_name, median(rates(pass.moved, pass.limit))};
    row.efficiency = median(ratios(pass.limit, pass.seconds));
    beside = fmt::format("{:>8.1f} {:>10.3f}", row.limit->value, *row.efficiency);
  }
  document.say(fmt::format("{:<24} {:>11} {:>7} {:<7} {:>7.3f} {:>8.4f} {:>7.1f} {}", pass.name,
                           setting.count.value, setting.threads, setting.set, bytes_each,
                           nanoseconds, median(row.values), beside));
  document.add(row);
}

void report_ratio(const step_setting& setting, const series& ratio, bench_document& document) {
  document.add({.name = "passes_over_fused",
                .params = setting.params("both"),
                .unit = "ratio",
                .values = ratio,
                .verified = true});
  document.say(
      fmt::format("separate passes take {:.3f}x the fused step (median of {} pairs, {:.3f} "
                  "to {:.3f})",
                  median(ratio), ratio.size(), quantile(ratio, 0), quantile(ratio, 1)));
}

/// Nothing where the arms take the same steps, to the bit, and the kernels are the reference's.
result<std::string> difference(pass_arms& arms, update_backend& update, thread_team& team,
                               bool flip) {
  for (const state_kind& kind : {state_kind{encoding::exact, optimizer::adamw, dtype::bf16},
                                 state_kind{encoding::fp32, optimizer::adamw, dtype::f32}}) {
    auto wrong = difference_from_reference(update, kind, team, false);
    if (!wrong || !wrong->empty()) {
      return wrong;
    }
  }
  arms.fill(update, team);
  for (int step = 0; step < 2; ++step) {
    for (const step_pass& pass : arms.fused(update, team)) pass.run();
    for (const step_pass& pass : arms.separate(update, team)) pass.run();
  }
  if (flip) {
    arms.flip();
  }
  return arms.difference(update, team);
}

result<exit_code> measure_steps(pass_arms& arms, update_backend& update, thread_team& team,
                                const adam_settings& settings, bench_document& document) {
  const auto wrong = difference(arms, update, team, settings.flip);
  if (!wrong) {
    return wrong.error();
  }
  if (!wrong->empty()) {
    fmt::print(stderr, "ballast bench adam: {}, {} threads: {}\n", update.name(), team.threads(),
               *wrong);
    return exit_code::verification_failed;
  }
  const auto measured = measure({arms.fused(update, team), arms.separate(update, team)},
                                arms.count(), team, settings.rounds);
  const step_setting setting{arms.count(), team.threads(), std::string(update.name())};
  const std::string names[] = {"fused", "passes"};
  std::vector<measured_pass> wholes;
  for (std::size_t arm = 0; arm < measured.size(); ++arm) {
    wholes.push_back(whole(measured[arm], names[arm] + " step"));
    report(setting, names[arm], "step", wholes.back(), document);
    for (measured_pass pass : measured[arm]) {
      const std::string name = pass.name;
      pass.name = "  " + name;
      report(setting, names[arm], name, pass, document);
    }
  }
  report_ratio(setting, ratios(wholes[1].seconds, wholes[0].seconds), document);
  return exit_code::done;
}

}  // namespace

result<exit_code> bench_passes(const adam_plan& plan, const adam_settings& settings,
                               bench_document& document) {
  document.say(fmt::format("{:<24} {:>11} {:>7} {:<7} {:>7} {:>8} {:>7} {:>8} {:>10}", "step",
                           "elements", "threads", "isa", "B/param", "ns/param", "GB/s", "limit",
                           "efficiency"));
  for (const elements size : plan.sizes) {
    auto arms = pass_arms::make(size);
    if (!arms) {
      return arms.error();
    }
    for (const instruction_set set : plan.sets) {
      auto update = cpu::make_update_backend(set);
      if (!update) {
        return update.error();
      }
      for (const std::uint32_t threads : plan.threads) {
        thread_team team(threads);
        auto done = measure_steps(*arms, **update, team, settings, document);
        if (!done || *done != exit_code::done) {
          return done;
        }
      }
    }
  }
  return exit_code::done;
}

}  // namespace ballast::tools
