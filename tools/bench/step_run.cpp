#include "tools/bench/step_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <ballast/thread_plan.hpp>
#include <nvme/segment.hpp>

#include "tools/bench/adam_settings.hpp"
#include "tools/bench/copy_limit.hpp"
#include "tools/bench/disk_limit.hpp"
#include "tools/bench/engine_arm.hpp"
#include "tools/bench/host_limit.hpp"
#include "tools/bench/loop_arm.hpp"
#include "tools/bench/undigested.hpp"

namespace ballast::tools {
namespace {

/// Both directions, so that a cache is in its steady state.
constexpr int warm_up_steps = 2;

std::vector<step_way> on_disk(const step_plan& plan) {
  std::vector<step_way> ways = plan.ways;
  std::erase(ways, step_way::host);
  return ways;
}

}  // namespace

step_run::step_run(const step_plan& plan, const step_settings& settings, bench_document& document,
                   encoding stored, elements count)
    : plan_(plan),
      settings_(settings),
      document_(document),
      training_(stored, count),
      rows_(settings, document, training_) {}

/// As the engine decides it.
bool step_run::moved_by_workers(step_way way) const {
  if (way == step_way::loop || way == step_way::host) {
    return false;
  }
  engine_config config = settings_.engine;
  config.io = way == step_way::inlined ? io_backend::inlined : config.io;
  return engine(training_.declare(), make_backends()).resolved(config).io == io_backend::inlined;
}

std::vector<step_way> step_run::ways_on_disk(bool by_workers) const {
  std::vector<step_way> ways = on_disk(plan_);
  std::erase_if(ways, [&](step_way each) { return moved_by_workers(each) != by_workers; });
  return ways;
}

/// Where the way's state rests, inside a budget that leaves room for its cache and nothing else.
result<engine_config> step_run::config_of(step_way way) const {
  engine_config config = settings_.engine;
  config.io = way == step_way::inlined ? io_backend::inlined : config.io;
  config.placement = forced_placement{0, way == step_way::host ? 1.0 : 0.0};
  const engine asked(training_.declare(), make_backends());
  const auto summary = asked.dry_run(config);
  if (!summary) {
    return summary.error();
  }
  config.host_memory = summary->total(place::host);
  if (way == step_way::cached) {
    const std::uint64_t tiles = count_up(training_.count(), tile_of(config));
    const bytes tile = round_up(training_.arrays().state(tile_of(config)), bytes{4096});
    *config.host_memory += tile * ((tiles + 2) / 3);
  }
  return config;
}

bytes step_run::memory_of(step_way way) const {
  if (way == step_way::loop) {
    return loop_arm::memory_of(training_, settings_.engine);
  }
  const auto config = config_of(way);
  if (!config) {
    return {};  // making it says why
  }
  const auto summary = engine(training_.declare(), make_backends()).dry_run(*config);
  const bytes limit = way == step_way::host ? host_limit::memory_of(training_) : bytes{};
  return summary ? summary->total(place::host) + summary->total(place::device) + limit : bytes{};
}

/// Every folder can be used, and has room for its part of every way's state and of the limit's file.
status step_run::check_folders() const {
  const std::size_t ways = on_disk(plan_).size();
  if (ways == 0) {
    return {};
  }
  const bytes each =
      training_.arrays().state(training_.count()) / settings_.engine.nvme.size() * (ways + 1);
  for (const nvme_folder& folder : settings_.engine.nvme) {
    const auto opened = nvme::open_directory(folder.directory);
    if (!opened) {
      return opened.error();
    }
    if (const status room = nvme::check_space(*opened, folder.directory, each); !room) {
      return failure{room.error().code, room.error().message + "; give fewer --elements"};
    }
  }
  return {};
}

status step_run::check_fits() const {
  if (const status room = check_folders(); !room) {
    return room;
  }
  bytes disk;
  for (const step_way way : on_disk(plan_)) {
    disk += memory_of(way);
  }
  const bytes host = plan_.has(step_way::host) ? memory_of(step_way::host) : bytes{};
  return check_memory(training_.count(), std::max(disk, host));
}

result<std::unique_ptr<step_arm>> step_run::make(step_way way) const {
  if (way == step_way::loop) {
    auto made = loop_arm::make(training_, settings_.engine);
    return made ? result<std::unique_ptr<step_arm>>(*std::move(made)) : made.error();
  }
  const auto config = config_of(way);
  if (!config) {
    return config.error();
  }
  auto parts = make_backends();
  if (way == step_way::undigested) {
    parts = without_digests(std::move(parts));
  }
  auto made = engine_arm::make(std::string(to_string(way)), training_, *config, std::move(parts),
                               moved_by_workers(way) ? std::make_unique<work_meter>() : nullptr);
  return made ? result<std::unique_ptr<step_arm>>(*std::move(made)) : made.error();
}

status step_run::enter(std::span<const step_way> ways, std::vector<entrant>& arms) const {
  for (const step_way way : ways) {
    auto made = make(way);
    if (!made) {
      return made.error();
    }
    document_.say(fmt::format("# {} {}: {}", (*made)->name(), to_string(training_.stored()),
                              (*made)->description()));
    arms.push_back({*std::move(made)});
  }
  return {};
}

status step_run::warm_up(std::vector<entrant>& arms, step_reference& reference) const {
  for (int i = 0; i < warm_up_steps; ++i) {
    reference.step();
  }
  if (settings_.flip) {
    reference.flip();
  }
  for (entrant& each : arms) {
    for (int i = 0; i < warm_up_steps; ++i) {
      if (const auto taken = each.arm->step(); !taken) {
        return taken.error();
      }
    }
    if (const status same = reference.compare(*each.arm); !same) {
      return same;
    }
  }
  return {};
}

status step_run::run(std::vector<entrant>& arms, std::span<const work> limits,
                     step_reference& reference, std::vector<series>& limits_taken) const {
  status outcome = warm_up(arms, reference);
  std::vector<work> works(limits.begin(), limits.end());
  for (entrant& each : arms) {
    works.emplace_back([&each, &outcome] {
      const auto taken = outcome ? each.arm->step() : result<step_sample>(outcome.error());
      if (taken) {
        each.samples.push_back(*taken);
      } else {
        outcome = taken.error();
      }
    });
  }
  if (!outcome) {
    return outcome;
  }
  limits_taken = interleave(works, settings_.rounds);
  limits_taken.resize(limits.size());
  for (std::uint32_t i = 0; i < settings_.rounds; ++i) {
    reference.step();
  }
  for (entrant& each : arms) {
    outcome = outcome ? reference.compare(*each.arm) : outcome;
  }
  return outcome;
}

std::vector<std::string> step_run::directories() const {
  std::vector<std::string> all;
  for (const nvme_folder& each : settings_.engine.nvme) {
    all.push_back(each.directory);
  }
  return all;
}

status step_run::race_disk() {
  const std::vector<step_way> ways = ways_on_disk(false);
  if (ways.empty()) {
    return {};
  }
  const std::vector<std::string> folders = directories();
  const bytes each = training_.arrays().state(training_.count()) / folders.size();
  auto limit = disk_limit::make(folders, each);
  auto reference = step_reference::make(training_);
  if (!limit) return limit.error();
  if (!reference) return reference.error();
  std::vector<entrant> arms;
  if (const status entered = enter(ways, arms); !entered) {
    return entered;
  }
  // An arm knows better than the clock around it when its job began and ended.
  std::vector<std::vector<io_sample>> passes((*limit)->variants());
  status outcome;
  std::vector<work> works;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    works.emplace_back([&, i] {
      if (const auto taken = (*limit)->run(i)) {
        passes[i].push_back(*taken);
      } else {
        outcome = taken.error();
      }
    });
  }
  std::vector<series> unused;
  const status ran = run(arms, works, *reference, unused);
  outcome = outcome ? ran : outcome;
  if (!outcome) {
    return outcome;
  }
  const auto seconds_a_byte = [](const std::vector<io_sample>& of) {
    series made(of.size());
    std::ranges::transform(of, made.begin(), [](const io_sample& sample) {
      return sample.wall / static_cast<double>(sample.moved.value);
    });
    return made;
  };
  std::vector<series> rates;
  std::ranges::transform(passes, std::back_inserter(rates), seconds_a_byte);
  const auto best =
      std::ranges::min_element(rates, {}, [](const series& of) { return median(of); });
  const auto name =
      "disk, half reads: " + (*limit)->name(static_cast<std::size_t>(best - rates.begin()));
  for (const entrant& of : arms) {
    series same_bytes = *best;
    for (double& of_a_byte : same_bytes) {
      of_a_byte *= static_cast<double>(of.samples.front().moved.value);
    }
    rows_.add(of, same_bytes, name, arms);
  }
  return {};
}

status step_run::race_copying() {
  const std::vector<step_way> ways = ways_on_disk(true);
  if (ways.empty()) {
    return {};
  }
  const std::uint32_t threads = plan_threads(settings_.engine.threads, find_numa_nodes()).threads();
  const std::vector<std::string> folders = directories();
  const bytes state = training_.arrays().state(training_.count());
  auto limit = copy_limit::make(folders, round_up(state / folders.size(), bytes{4096}), threads);
  auto reference = step_reference::make(training_);
  if (!limit) return limit.error();
  if (!reference) return reference.error();
  std::vector<entrant> arms;
  if (const status entered = enter(ways, arms); !entered) {
    return entered;
  }
  status copied;
  std::vector<work> works;
  for (std::size_t i = 0; i < (*limit)->variants(); ++i) {
    works.emplace_back([&, i] {
      const status done = (*limit)->run(i);
      copied = copied ? done : copied;
    });
  }
  std::vector<series> taken;
  const status ran = run(arms, works, *reference, taken);
  if (!ran || !copied) {
    return ran ? copied : ran;
  }
  const auto best =
      std::ranges::min_element(taken, {}, [](const series& of) { return median(of); });
  const auto name = "copied by as many workers: " +
                    (*limit)->name(static_cast<std::size_t>(best - taken.begin()));
  for (const entrant& of : arms) {
    rows_.add(of, *best, name, arms);
    rows_.say_work(of, *best, threads);
  }
  return {};
}

status step_run::race_host() {
  if (!plan_.has(step_way::host)) {
    return {};
  }
  const std::uint32_t threads = plan_threads(settings_.engine.threads, find_numa_nodes()).threads();
  const auto limit = host_limit::make(training_, threads, settings_.engine.isa);
  auto reference = step_reference::make(training_);
  if (!limit) return limit.error();
  if (!reference) return reference.error();
  std::vector<entrant> arms;
  const std::array ways{step_way::host};
  if (const status entered = enter(ways, arms); !entered) {
    return entered;
  }
  const std::array<work, 2> works{[&] { (*limit)->update(); }, [&] { (*limit)->norm(); }};
  for (const work& each : works) {
    each();
  }
  std::vector<series> taken;
  if (const status ran = run(arms, works, *reference, taken); !ran) {
    return ran;
  }
  document_.say(
      fmt::format("# alone: update {:.4f} s, norm {:.4f} s", median(taken[0]), median(taken[1])));
  rows_.add(arms.front(), sums(taken[0], taken[1]), "update and norm, each alone", arms);
  return {};
}

}  // namespace ballast::tools
