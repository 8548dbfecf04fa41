#include "tools/bench/adam_bench.hpp"

#include <fmt/format.h>

#include "cpu/instruction_sets.hpp"
#include "cpu/update_backend.hpp"
#include "tools/bench/adam_check.hpp"
#include "tools/bench/adam_settings.hpp"
#include "tools/bench/arithmetic_floor.hpp"
#include "tools/bench/bench_document.hpp"
#include "tools/bench/machine.hpp"
#include "tools/bench/pass_arms.hpp"
#include "tools/bench/pass_bench.hpp"
#include "tools/command/command_call.hpp"
#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

/// A sample is about this many elements, in passes one after the other.
constexpr std::uint64_t sample_elements = 50'000'000;
constexpr std::uint64_t most_passes = 50;

std::uint32_t passes_of(elements count) {
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(sample_elements / count.value, 1, most_passes));
}

struct measured_update {
  series seconds;  ///< of one pass
  series limit;    ///< empty: in cache
  std::string limit_name;
};

measured_update measure(update_backend& update, bench_state& state, thread_team& team,
                        std::uint32_t rounds) {
  const std::uint32_t passes = passes_of(state.count());
  const update_recipe recipe = bench_recipe(state.kind(), 10, 1.0);
  std::vector<work> works{[&] {
    team.for_each_slice(state.count(), passes, [&](element_range slice, std::uint32_t) {
      std::uint32_t findings = found_nothing;
      update.update(recipe, state.view(slice), findings, {});
    });
  }};
  works.front()();
  traffic_limit limit;
  if (!in_cache({state.memory().size()})) {
    limit = find_limit(state.arrays(), state.count(), passes, team);
    works.insert(works.end(), limit.works.begin(), limit.works.end());
  }
  std::vector<series> taken = interleave(works, rounds);
  for (series& each : taken) {
    for (double& seconds : each) seconds /= passes;
  }
  if (limit.works.empty()) {
    return {std::move(taken.front()), {}, {}};
  }
  const std::size_t best = traffic_limit::best(std::span(taken).subspan(1));
  return {std::move(taken.front()), std::move(taken[best + 1]), limit.variants[best].name()};
}

/// Shapes:  floors has this set and team, unless the optimizer takes no root
bench_row row_of(const bench_state& state, const thread_team& team, instruction_set set,
                 const measured_update& found, const arithmetic_floors& floors) {
  const state_kind& kind = state.kind();
  const bytes moved = traffic_of(state.arrays(), state.count());
  const double count = static_cast<double>(state.count().value);
  bench_row row{.name = "update",
                .params = {{"optimizer", std::string(to_string(kind.with))},
                           {"encoding", std::string(to_string(kind.stored))},
                           {"gradient", std::string(to_string(kind.gradient))},
                           {"elements", state.count().value},
                           {"threads", team.threads()},
                           {"isa", std::string(cpu::name_of(set))},
                           {"device", "host"},
                           {"pages", state.backing()}},
                .values = rates(moved, found.seconds),
                .moved = moved,
                .verified = true,
                .more = {{"bytes_per_parameter", static_cast<double>(moved.value) / count},
                         {"ns_per_parameter", median(found.seconds) / count * 1e9},
                         {"floor", nullptr}}};
  if (has_variance(kind.with)) {
    row.more["floor"] = {{"name", "root and quotient"},
                         {"value", floors.at({set, team.threads()}) * 1e9}};
  }
  if (!found.limit.empty()) {
    row.limit = {found.limit_name, median(rates(moved, found.limit))};
    row.efficiency = median(ratios(found.limit, found.seconds));
  }
  return row;
}

std::string line_of(const std::string& name, const bench_row& row) {
  const auto cell = [](const auto& value, const char* absent, auto text) {
    return value ? text(*value) : std::string(absent);
  };
  const auto& floor = row.more["floor"];
  return fmt::format(
      "{:<20} {:>11} {:>7} {:<7} {:>7.3f} {:>8.4f} {:>8} {:>7.1f} {:>8} {:>10}", name,
      row.params["elements"].get<std::uint64_t>(), row.params["threads"].get<std::uint32_t>(),
      row.params["isa"].get<std::string>(), row.more["bytes_per_parameter"].get<double>(),
      row.more["ns_per_parameter"].get<double>(),
      floor.is_null() ? "" : fmt::format("{:.4f}", floor["value"].get<double>()),
      median(row.values),
      cell(row.limit, "in cache",
           [](const auto& each) { return fmt::format("{:.1f}", each.value); }),
      cell(row.efficiency, "", [](double each) { return fmt::format("{:.3f}", each); }));
}

/// Every instruction set and number of threads on one state.
///
/// Errors: those of making it; an exit code other than done when a kernel is wrong
result<exit_code> measure_state(const adam_plan& plan, const adam_settings& settings,
                                const arithmetic_floors& floors, const state_kind& kind,
                                elements size, bench_document& document) {
  auto state = bench_state::make(kind, size);
  if (!state) {
    return state.error();
  }
  for (const instruction_set set : plan.sets) {
    auto update = cpu::make_update_backend(set);
    if (!update) {
      return update.error();
    }
    for (const std::uint32_t threads : plan.threads) {
      thread_team team(threads);
      const auto wrong = difference_from_reference(**update, kind, team, settings.flip);
      if (!wrong) {
        return wrong.error();
      }
      if (!wrong->empty()) {
        fmt::print(stderr, "ballast bench adam: {}, {}, {} threads: {}\n", kind.name(),
                   (*update)->name(), threads, *wrong);
        return exit_code::verification_failed;
      }
      state->fill(**update, team);
      const bench_row row =
          row_of(*state, team, set, measure(**update, *state, team, settings.rounds), floors);
      document.say(line_of(kind.name(), row));
      document.add(row);
    }
  }
  return exit_code::done;
}

/// Errors: does_not_fit, before anything is measured
status check_fits(const adam_plan& plan, bool against_passes) {
  for (const elements size : plan.sizes) {
    for (const state_kind& kind : plan.kinds) {
      const bytes needed = against_passes ? pass_arms::memory_of(size) : memory_of(kind, size);
      if (const status fits = check_memory(size, needed); !fits) {
        return fits;
      }
    }
  }
  return {};
}

result<exit_code> measure_all(const adam_plan& plan, const adam_settings& settings,
                              bench_document& document) {
  document.say(fmt::format("{:<20} {:>11} {:>7} {:<7} {:>7} {:>8} {:>8} {:>7} {:>8} {:>10}",
                           "update", "elements", "threads", "isa", "B/param", "ns/param", "floor",
                           "GB/s", "limit", "efficiency"));
  result<arithmetic_floors> floors = arithmetic_floors();
  if (std::ranges::any_of(plan.kinds, [](const auto& kind) { return has_variance(kind.with); })) {
    floors = find_floors(plan.sets, plan.threads, settings.rounds);
  }
  if (!floors) {
    return floors.error();
  }
  for (const elements size : plan.sizes) {
    for (const state_kind& kind : plan.kinds) {
      auto done = measure_state(plan, settings, *floors, kind, size, document);
      if (!done || *done != exit_code::done) {
        return done;
      }
    }
  }
  return exit_code::done;
}

}  // namespace

exit_code bench_adam(std::span<const std::string> arguments) {
  adam_settings settings;
  const option_set options = adam_options(settings);
  const command_call call(options, arguments);
  if (call.over()) {
    return *call.over();
  }
  const auto plan = plan_of(settings);
  if (!plan) {
    return call.fail(plan.error(), stage::set_up);
  }
  if (const status fits = check_fits(*plan, settings.against_passes); !fits) {
    return call.fail(fits.error(), stage::set_up);
  }
  auto document = bench_document::open(options, settings.json);
  if (!document) {
    return call.fail(document.error(), stage::set_up);
  }
  const auto done = settings.against_passes ? bench_passes(*plan, settings, *document)
                                            : measure_all(*plan, settings, *document);
  if (!done) {
    const exit_code code = call.fail(done.error(), stage::set_up);
    return done.error().code == errc::failed_task ? exit_code::verification_failed : code;
  }
  if (const status written = document->write(); !written) {
    return call.fail(written.error(), stage::set_up);
  }
  return *done;
}

}  // namespace ballast::tools
