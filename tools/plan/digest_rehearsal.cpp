#include <ballast/thread_plan.hpp>
#include <nvme/digest_table.hpp>

#include "tools/bench/sampling.hpp"
#include "tools/bench/thread_team.hpp"
#include "tools/plan/rehearsals.hpp"

namespace ballast::tools {
namespace {

constexpr std::size_t rounds = 7;
constexpr std::uint64_t times = 64;

}  // namespace

/// Each thread stamps a slice of its own again and again: it stays in its core's cache, as an update
/// leaves it there.
double rehearse_digests(const engine_config& engine, const gpt_config& model) {
  thread_team team(plan_threads(engine.threads, find_numa_nodes()).threads());
  const bytes slice = layout_of(model.stored, kind_of(model.optimizer)).state(bench_slice);
  std::vector<std::byte> memory(slice.value * team.threads());
  nvme::digest_table digests(1, team.threads());
  const extent where{.address = {}, .size = {}, .first_slice = 0, .slices = team.threads()};
  const work works[] = {[&] {
    team.run([&](std::uint32_t thread) {
      const slice_pieces pieces{std::span(memory).subspan(slice.value * thread, slice.value)};
      for (std::uint64_t i = 0; i < times; ++i) {
        digests.stamp(where, thread, pieces);
      }
    });
  }};
  const double seconds = median(interleave(works, rounds).front());
  return static_cast<double>((slice * times * team.threads()).value) / seconds;
}

}  // namespace ballast::tools
