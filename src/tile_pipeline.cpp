#include "tile_pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

namespace ballast {

tile_pipeline::tile_pipeline(const layout& where, const blueprint& drawn, tile_homes& homes,
                             const tile_work& stamps, workers& threads)
    : where_(where),
      homes_(homes),
      stamps_(stamps),
      workers_(threads),
      carriers_(drawn.staging.count),
      cache_size_(drawn.cached_tiles),
      kept_(where.tiles().size()),
      carrier_of_(where.tiles().size()),
      passing_(std::span(carriers_).first(carriers_.size() - cache_size_), carriers_.size()),
      staying_(std::span(carriers_).last(cache_size_),
               std::max<std::size_t>(carriers_.size() - cache_size_, threads.plan().threads())) {
  for (std::uint32_t i = 0; i < carriers_.size(); ++i) {
    carriers_[i].owner = this;
    carriers_[i].buffer = homes.staging(i);
    for (const tile_array each : tile_arrays) {
      carriers_[i].legs[index_of(each)].of = &carriers_[i];
      carriers_[i].legs[index_of(each)].array = each;
    }
  }
}

/// Which of the run's tiles are in the cache, and which are to be there when it ends.
void tile_pipeline::line_up(std::span<const tile_id> tiles, after then) {
  in_cache_.clear();
  std::size_t on_disk = 0;
  for (const tile_id each : tiles) {
    if (homes_.at(each).where == place::nvme) {
      ++on_disk;
      carrier* const there = carrier_of_[each.value];
      if (there != nullptr) {
        in_cache_.push_back(there);
      }
      kept_[each.value] = there != nullptr && then == after::as_before;
    }
  }
  std::size_t left = then == after::keep_last ? std::min(cache_size_, on_disk) : 0;
  for (std::size_t i = tiles.size(); left > 0; --i) {
    if (homes_.at(tiles[i - 1]).where == place::nvme) {
      kept_[tiles[i - 1].value] = 1;
      --left;
    }
  }
}

status tile_pipeline::run(std::span<const tile_id> tiles, movement moved, const work& todo,
                          after then) {
  open(tiles, moved, todo, then);
  return finish(tiles);
}

void tile_pipeline::open(std::span<const tile_id> tiles, movement moved, const work& todo,
                         after then) {
  require(todo_ == nullptr, "one run at a time");
  movement_ = moved;
  todo_ = &todo;
  line_up(tiles, then);
  const std::lock_guard hold(gate_);
  more_may_come_ = true;
  for (carrier& each : carriers_) {
    for (leg& part : each.legs) {
      part.outcome = {};
    }
  }
  passing_.open();
  staying_.open();
}

void tile_pipeline::feed(std::span<const tile_id> some) {
  if (homes_.inlined()) {
    const std::lock_guard hold(gate_);
    for (const tile_id each : some) {
      direct_.push_back(each);
      workers_.arena().enqueue(early_.defer([this] { serve(false); }));
    }
    return;
  }
  {
    const std::lock_guard hold(gate_);
    for (const tile_id each : some) {
      if (homes_.at(each).where == place::nvme && !cached(each)) {
        (kept_[each.value] != 0 ? staying_ : passing_).bring(each);
      }
    }
  }
  go_on(passing_);
  go_on(staying_);
}

status tile_pipeline::finish(std::span<const tile_id> rest) {
  hits_ += in_cache_.size();
  if (!homes_.inlined()) {
    feed(rest);
  }
  {
    const std::lock_guard hold(gate_);
    for (carrier* const each : in_cache_) {
      staying_.resume(*each);
    }
    for (const tile_id each : rest) {
      if (homes_.inlined() || homes_.at(each).where != place::nvme) {
        direct_.push_back(each);
      }
    }
  }
  go_on(staying_);
  return drain();
}

status tile_pipeline::drain() {
  const status outcome = serve_all();
  todo_ = nullptr;
  const std::lock_guard hold(gate_);
  passing_.close();
  staying_.close();
  return outcome;
}

status tile_pipeline::flush() {
  for (carrier& each : carriers_) {
    if (each.choose_to_flush()) {
      {
        const std::lock_guard hold(gate_);
        each.group->occupy();
        ++under_way_;
      }
      start(each, false);
    }
  }
  return serve_all();
}

void tile_pipeline::drop_cache() {
  for (carrier& each : carriers_) {
    each.cached = false;
    for (leg& part : each.legs) {
      part.changed = false;
    }
  }
  for (std::atomic<carrier*>& each : carrier_of_) {
    each = nullptr;
  }
}

/// Carriers that have nothing to do take the group's next tiles.
void tile_pipeline::go_on(carrier_group& group) {
  for (;;) {
    carrier* taken = nullptr;
    {
      const std::lock_guard hold(gate_);
      taken = failures_.any() ? nullptr : group.take();
      if (taken == nullptr) {
        return;
      }
      ++under_way_;
      if (!taken->choose_to_read(movement_, homes_.at(taken->holds))) {
        hand_to_worker(*taken);
        continue;
      }
    }
    start(*taken, true);
  }
}

/// A carrier is done with its tile: the next one may begin, and the run may be over.
void tile_pipeline::end(carrier& with) {
  {
    const std::lock_guard hold(gate_);
    with.group->give_back(with);
  }
  go_on(*with.group);
  const std::lock_guard hold(gate_);
  --under_way_;
  if (over()) {
    work_or_end_.notify_all();
  }
}

/// The transfers of the legs that are going; the last one to arrive may hand the carrier on.
void tile_pipeline::start(carrier& with, bool reading) {
  std::array<leg*, tile_array_count> going{};
  std::uint32_t count = 0;
  for (leg& each : with.legs) {
    if (each.going) {
      going[count++] = &each;
    }
  }
  with.reading = reading;
  with.under_way = count;
  for (std::uint32_t i = 0; i < count; ++i) {
    submit(*going[i]);
  }
}

void tile_pipeline::submit(leg& which) {
  const carrier& with = *which.of;
  const completion done{[](void* context, const status& outcome) {
                          auto& back = *static_cast<leg*>(context);
                          back.of->owner->arrived(back, outcome);
                        },
                        &which};
  link& through = with.reading ? homes_.read() : homes_.write();
  (void)through.submit({.address = homes_.stored(which.array).latest(with.holds).address,
                        .memory = extent_in(with.buffer, homes_, with.holds, which.array),
                        .urgency = with.urgency(),
                        .deadline = {},
                        .done = done,
                        .whose = subject::of(with.holds)});
}

/// A read or a write of one array is over.
void tile_pipeline::arrived(leg& which, const status& outcome) {
  carrier& with = *which.of;
  which.outcome = outcome;
  if (outcome && !with.reading) {
    homes_.stored(which.array).written(with.holds);
    which.changed = which.going = false;
  }
  if (with.under_way.fetch_sub(1) != 1) {
    return;
  }
  if (with.outcome() && !with.reading) {
    end(with);
    return;
  }
  with.moving = !with.reading;
  const std::lock_guard hold(gate_);
  hand_to_worker(with);
}

/// gate_ is held.
void tile_pipeline::hand_to_worker(carrier& with) {
  (with.cached ? found_ : arrived_).push_back(&with);
  if (waiting_ > 0) {
    work_or_end_.notify_one();
  } else if (more_may_come_) {
    workers_.arena().enqueue(early_.defer([this] { serve(false); }));
  }
}

/// All that is under way, and all that waits. The caller is one of the workers.
status tile_pipeline::serve_all() {
  {
    const std::lock_guard hold(gate_);
    more_may_come_ = false;
  }
  workers_.arena().execute([&] {
    tbb::parallel_for(
        std::uint32_t{0}, workers_.plan().threads(), [&](std::uint32_t) { serve(true); },
        tbb::simple_partitioner());
    early_.wait();
  });
  return failures_.take();
}

void tile_pipeline::serve(bool until_over) {
  std::unique_lock hold(gate_);
  for (;;) {
    while (serve_one(hold)) {
    }
    if (!until_over || over() || waiting_ == carriers_.size()) {
      return;
    }
    ++waiting_;
    work_or_end_.wait(hold);
    --waiting_;
  }
}

/// False when nothing waits for a worker. `hold` holds gate_ before and after.
bool tile_pipeline::serve_one(std::unique_lock<std::mutex>& hold) {
  std::deque<carrier*>& first = arrived_.empty() ? found_ : arrived_;
  if (!first.empty()) {
    carrier& with = *first.front();
    first.pop_front();
    hold.unlock();
    work_on(with);
    hold.lock();
    return true;
  }
  if (!direct_.empty()) {
    const tile_id which = direct_.front();
    direct_.pop_front();
    hold.unlock();
    if (!failures_.any()) {
      failures_.note(guarded(which, carried_in({}, where_, homes_, which)));
    }
    hold.lock();
    return true;
  }
  return false;
}

void tile_pipeline::work_on(carrier& with) {
  if (with.moving) {
    change_folder(with);
    return;
  }
  status outcome = with.outcome();
  if (outcome && !failures_.any()) {
    outcome = guarded(with.holds, carried_in(with.buffer, where_, homes_, with.holds));
    with.cached = outcome && kept_[with.holds.value] != 0;
    carrier_of_[with.holds.value] = with.cached ? &with : nullptr;
    if (outcome && with.choose_to_write(movement_, homes_.at(with.holds))) {
      start(with, false);
      return;
    }
  }
  failures_.note(outcome);
  end(with);
}

/// A write has failed: what was not written goes elsewhere, where there is room.
void tile_pipeline::change_folder(carrier& with) {
  with.moving = false;
  for (leg& each : with.legs) {
    if (each.going) {
      each.outcome = homes_.stored(each.array).move_away(with.holds, each.outcome.error());
      if (each.outcome) {
        stamps_.stamp(with.holds, each.array, carried_in(with.buffer, where_, homes_, with.holds));
      }
    }
  }
  if (with.outcome()) {
    start(with, false);
    return;
  }
  failures_.note(with.outcome());
  end(with);
}

/// An exception would strand its carrier: it becomes a failure instead.
status tile_pipeline::guarded(tile_id which, const carried& memory) const {
  try {
    return (*todo_)(which, memory);
  } catch (const std::exception& thrown) {
    return failure{errc::failed_task, fmt::format("tile {}: {}", which.value, thrown.what())};
  }
}

}  // namespace ballast
