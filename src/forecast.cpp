// Places, traffic and time of one step, put together.
#include <algorithm>
#include <array>
#include <ballast/engine.hpp>

#include "compute_phase.hpp"
#include "update_phase.hpp"

namespace ballast {
namespace {

nanoseconds duration_of(double seconds) {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(seconds));
}

/// By precedence, as activity_log charges them: what the optimizer does hides the disk's work.
attribution charged(const compute_phase& first, const update_phase& last) {
  const double arithmetic = std::min(last.arithmetic, last.total);
  const double rest = last.total - arithmetic;
  attribution time;
  time[activity::compute] = duration_of(first.compute);
  time[activity::optimizer] = duration_of(first.gradients + arithmetic);
  time[activity::upload] = duration_of(first.upload);
  time[activity::download] = duration_of(first.download);
  time[activity::read] = duration_of(first.read + rest - last.writing);
  time[activity::write] = duration_of(first.write + last.writing);
  time[activity::collective] = duration_of(first.collective);
  return time;
}

void find_bound(const compute_phase& first, const update_phase& last, forecast& made) {
  const bool disk_binds = last.disk > last.arithmetic;
  std::array<double, 5> taken{};
  taken[static_cast<std::size_t>(resource::compute)] = first.compute;
  taken[static_cast<std::size_t>(resource::link)] = first.upload + first.download;
  taken[static_cast<std::size_t>(resource::processors)] =
      first.gradients + (disk_binds ? 0 : last.total);
  taken[static_cast<std::size_t>(resource::disk)] =
      first.read + first.write + (disk_binds ? last.total : 0);
  taken[static_cast<std::size_t>(resource::ranks)] = first.collective;
  const auto most = std::ranges::max_element(taken);
  made.binds = static_cast<resource>(most - taken.begin());
  made.bound = *most;
}

}  // namespace

result<forecast> engine::dry_run(const engine_config& asked, std::span<const timed_visit> visits,
                                 const machine_rates& rates) const {
  const engine_config config = resolved(asked);
  const auto where = layout::make(model_, config.tile_elements, partition_of(config));
  if (!where) {
    return where.error();
  }
  const auto drawn = draw(model_, *where, config, reserved_);
  if (!drawn) {
    return drawn.error();
  }
  std::vector<visit> order;
  std::ranges::transform(visits, std::back_inserter(order), &timed_visit::what);
  const std::vector<tile_id> tiles = updated_tiles(*where);
  forecast made{.places = drawn->summary,
                .moved = ballast::predict(model_, *where, *drawn, config, order, tiles,
                                          steady_cache(*drawn, tiles)),
                .time = {}};
  made.moved[hop::all_gather] += gathered_ahead_of(*where);
  const compute_phase first = run_compute(model_, *where, *drawn, config, visits, rates);
  const traffic updated =
      ballast::predict(model_, *where, *drawn, config, {}, tiles, steady_cache(*drawn, tiles));
  const update_phase last = run_update(*where, *drawn, config, updated, rates);
  made.time = charged(first, last);
  find_bound(first, last, made);
  made.layers_ahead = drawn->layer_slots.count > 0 ? drawn->layer_slots.count - 1 : 0;
  made.tiles_ahead = drawn->staging.count - drawn->cached_tiles;
  return made;
}

}  // namespace ballast
