#include <algorithm>
#include <ballast/rounding.hpp>
#include <ballast/thread_plan.hpp>
#include <cstring>
#include <nvme/digest_table.hpp>

#include "tools/bench/adam_check.hpp"
#include "tools/bench/bench_state.hpp"
#include "tools/bench/thread_team.hpp"
#include "tools/plan/rehearsals.hpp"

namespace ballast::tools {
namespace {

constexpr std::size_t rounds = 7;
/// A state of it is larger than the last cache in every encoding.
constexpr elements most_elements{elements{1}.value << 24};

double seconds_of(const work& each) {
  const work works[] = {each};
  return median(interleave(works, rounds).front());
}

double update_seconds(bench_state& state, update_backend& update, thread_team& team) {
  const update_recipe recipe = bench_recipe(state.kind(), 10, 1.0);
  return seconds_of([&] {
    team.for_each_slice(state.count(), 1, [&](element_range slice, std::uint32_t) {
      std::uint32_t findings = found_nothing;
      update.update(recipe, state.view(slice), findings, {});
    });
  });
}

/// Two gradients take turns, as a slot is used again when another one was filled.
double gradient_seconds(std::span<std::byte> memory, dtype type, elements count,
                        update_backend& update, thread_team& team) {
  std::size_t turn = 0;
  return seconds_of([&] {
    std::byte* const begin = memory.data() + sizeof(float) * count.value * (turn++ % 2);
    team.for_each_slice(count, 1, [&](element_range slice, std::uint32_t) {
      std::memset(begin + sizeof(float) * slice.begin.value, 0, sizeof(float) * slice.count.value);
    });
    team.for_each_slice(count, 1, [&](element_range slice, std::uint32_t) {
      auto* const source = reinterpret_cast<float*>(begin) + slice.begin.value;
      double sums[bench_slice.value / block_elements.value];
      std::uint32_t findings = found_nothing;
      update.encode_gradient(
          {source, slice.count.value}, type, reinterpret_cast<std::byte*>(source),
          std::span(sums).first(count_up(slice.count, block_elements)), findings, {});
    });
  });
}

/// Of slices as long as an update's, again and again: they stay in their core's cache.
double digest_rate(const state_kind& kind, bench_state& state, thread_team& team) {
  constexpr std::uint64_t times = 64;
  nvme::digest_table digests(1, team.threads());
  const extent where{.address = {}, .size = {}, .first_slice = 0, .slices = team.threads()};
  const bytes all = layout_of(kind.stored, kind.with).state(bench_slice);
  const bytes slice = std::min(all, bytes{state.memory().size()} / team.threads());
  const double seconds = seconds_of([&] {
    team.run([&](std::uint32_t thread) {
      const slice_pieces pieces{state.memory().subspan(slice.value * thread, slice.value)};
      for (std::uint64_t i = 0; i < times; ++i) {
        digests.stamp(where, thread, pieces);
      }
    });
  });
  return static_cast<double>((slice * times * team.threads()).value) / seconds;
}

}  // namespace

result<arithmetic_figures> rehearse_arithmetic(backends& parts, const engine_config& engine,
                                               const gpt_config& model, elements state,
                                               elements layer) {
  auto update = parts.make_updates(engine);
  if (!update) {
    return update.error();
  }
  const state_kind kind{model.stored, kind_of(model.optimizer), compute_type(model.stored)};
  const elements count = round_up(std::min(state, most_elements), block_elements);
  const elements pushed = round_up(std::min(layer, most_elements), block_elements);
  auto held = bench_state::make(kind, count);
  if (!held) {
    return held.error();
  }
  auto gradients = parts.make_host_region(bytes{2 * sizeof(float)} * pushed.value, {}, {});
  if (!gradients) {
    return gradients.error();
  }
  thread_team team(plan_threads(engine.threads, find_numa_nodes()).threads());
  held->fill(**update, team);
  const double updated = update_seconds(*held, **update, team);
  const double passed =
      gradient_seconds((*gradients)->span(), kind.gradient, pushed, **update, team);
  return arithmetic_figures{updated / static_cast<double>(count.value),
                            passed / static_cast<double>(pushed.value),
                            digest_rate(kind, *held, team)};
}

}  // namespace ballast::tools
