#include "optimizer_step.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ballast {
namespace {

bool same(const optimizer_step::settings& a, const optimizer_step::settings& b) {
  return a.update == b.update && a.noise_seed == b.noise_seed &&
         a.options.learning_rate == b.options.learning_rate &&
         a.options.group_learning_rates == b.options.group_learning_rates &&
         a.options.loss_scale == b.options.loss_scale;
}

}  // namespace

optimizer_step::optimizer_step(const model& declared, const layout& where, const blueprint& drawn,
                               const engine_config& config, tile_homes& homes,
                               const tile_work& work, tile_pipeline& pipeline,
                               const workers& threads, weight_exchange& exchange, const clock& time)
    : declared_(declared),
      where_(where),
      drawn_(drawn),
      config_(config),
      homes_(homes),
      work_(work),
      pipeline_(pipeline),
      exchange_(exchange),
      time_(time),
      todo_([this](tile_id which, const carried& memory) { return update(which, memory); }),
      recipes_(declared.groups().size()),
      eligible_(where.tiles().size()),
      undo_(homes, where.tiles().size()) {
  for (std::uint32_t i = 0; i < where_.tiles().size(); ++i) {
    if (where_.updates(where_.tiles()[i])) {
      order_.push_back({i});
    }
  }
  order_by_owner(threads);
}

optimizer_step::~optimizer_step() {
  if (open_) {
    (void)pipeline_.drain();
  }
}

/// Where there are several NUMA nodes their tiles take turns, so that all are at work: a node's
/// threads work on its own tiles only.
void optimizer_step::order_by_owner(const workers& threads) {
  std::vector<std::vector<tile_id>> of_node(threads.nodes());
  for (const tile_id each : order_) {
    of_node[threads.owner_of(homes_.at(each).share)].push_back(each);
  }
  const std::size_t total = order_.size();
  order_.clear();
  for (std::size_t turn = 0; order_.size() < total; ++turn) {
    for (const std::vector<tile_id>& each : of_node) {
      if (turn < each.size()) {
        order_.push_back(each[turn]);
      }
    }
  }
}

void optimizer_step::set_scalars(const settings& with, double scale) {
  for (std::size_t i = 0; i < recipes_.size(); ++i) {
    const auto& rates = with.options.group_learning_rates;
    const double rate = rates.empty() ? with.options.learning_rate : rates[i];
    recipes_[i].scalars = make_scalars(declared_.groups()[i], rate, with.update, scale);
    recipes_[i].noise_key = arithmetic::noise_key(with.noise_seed, with.update);
  }
  findings_ = found_nothing;
}

/// On any worker.
status optimizer_step::update(tile_id which, const carried& memory) {
  // Where workers bring a tile's slices, moving them is no arithmetic: each slice's says so itself.
  std::optional<active_span> busy;
  if (!homes_.inlined() || homes_.at(which).where != place::nvme) {
    busy.emplace(homes_.log(), activity::optimizer, "update", subject::of(which));
  }
  if (undo_.has(which)) {
    undo_.keep(which);
  }
  const auto update_slice = [this](const tile_work::slice& each) -> status {
    const time_point begin = time_.now();
    std::uint32_t found = found_nothing;
    work_.update(each, recipes_, found);
    if (found != found_nothing) {
      findings_.fetch_or(found, std::memory_order_relaxed);
    }
    busy_ns_.fetch_add((time_.now() - begin).count(), std::memory_order_relaxed);
    return {};
  };
  const status updated = work_.for_slices(which, memory, where_.at(which).range,
                                          tile_work::access::update, update_slice);
  if (updated) {
    exchange_.updated(which);
  }
  return updated;
}

/// What stays in the cache after the step, and what is there now, is not undone: it waits.
void optimizer_step::mark_eligible() {
  std::ranges::fill(eligible_, 0);
  std::uint32_t kept = drawn_.cached_tiles;
  for (auto each = order_.rbegin(); each != order_.rend(); ++each) {
    if (homes_.at(*each).where != place::nvme) {
      continue;
    }
    const bool stays = kept > 0;
    kept -= stays ? 1 : 0;
    const bool fits = room_of(where_, where_.at(*each), config_).lasting() == drawn_.undo_room;
    eligible_[each->value] = fits && !stays && !pipeline_.cached(*each);
  }
}

void optimizer_step::expect(const settings& coming) {
  if (homes_.undo_count() == 0 || !policy_.allowed() || open_) {
    return;
  }
  expected_ = coming;
  set_scalars(coming, 1 / coming.options.loss_scale);
  mark_eligible();
}

void optimizer_step::offer(layer_id layer) {
  const layer_layout& placed = where_.at(layer);
  std::vector<tile_id> begin;
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    // Where a lost folder has left no room for a second extent, the tile waits.
    if (eligible_[i] != 0 && undo_.give({i})) {
      eligible_[i] = 0;
      begin.push_back({i});
    }
  }
  if (begin.empty()) {
    return;
  }
  if (!std::exchange(open_, true)) {
    pipeline_.open(order_, tile_pipeline::movement::update, todo_, tile_pipeline::after::keep_last);
  }
  speculated_ = true;
  early_ += static_cast<std::uint32_t>(begin.size());
  pipeline_.feed(begin);
}

bool optimizer_step::begun(layer_id layer) const {
  return std::ranges::any_of(undo_.tiles(),
                             [&](tile_id each) { return where_.at(each).layer == layer; });
}

status optimizer_step::withdraw() {
  if (!std::exchange(open_, false)) {
    return {};
  }
  expected_.reset();
  rolled_back_ = true;
  const status drained = pipeline_.drain();
  undo_.roll_back();
  return drained;
}

status optimizer_step::finish(const settings& actual, double clip_coefficient) {
  const bool holds = open_ && clip_coefficient == 1 && same(*expected_, actual);
  if (open_ && !holds) {
    if (auto withdrawn = withdraw(); !withdrawn) {
      return withdrawn;
    }
  }
  const std::uint64_t hits = pipeline_.hits();
  status moved;
  if (holds) {
    std::vector<tile_id> rest;
    std::ranges::copy_if(order_, std::back_inserter(rest),
                         [&](tile_id each) { return !undo_.has(each); });
    moved = pipeline_.finish(rest);
    open_ = false;
    if (moved) {
      undo_.retire();
    } else {
      undo_.roll_back();
    }
  } else {
    set_scalars(actual, clip_coefficient / actual.options.loss_scale);
    moved = pipeline_.run(order_, tile_pipeline::movement::update, todo_,
                          tile_pipeline::after::keep_last);
  }
  hits_ = static_cast<std::uint32_t>(pipeline_.hits() - hits);
  // The tail of one step is the head of the next: what was used last is still in cache.
  if (drawn_.staging.count > 0 || !exchange_.needed()) {
    std::ranges::reverse(order_);
  }
  if (moved && (findings_.load() & found_weight_overflow) != 0) {
    return failure{
        errc::weight_overflow,
        fmt::format("update {}: a master value has no finite weight in the compute type; "
                    "lower the learning rate",
                    actual.update)};
  }
  return moved;
}

void optimizer_step::end() {
  policy_.note(speculated_, rolled_back_);
  expected_.reset();
  speculated_ = rolled_back_ = false;
  early_ = hits_ = 0;
}

}  // namespace ballast
