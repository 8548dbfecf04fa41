#include "tile_pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

namespace ballast {

struct tile_pipeline::graph_nodes {
  explicit graph_nodes(tile_pipeline& owner)
      : begin(graph, tbb::flow::serial,
              [&](carrier* with, choice::output_ports_type& to) { owner.begin(with, to); }),
        read(graph, tbb::flow::unlimited,
             [&](carrier* with, node_gateway& gateway) { owner.start(with, true, gateway); }),
        work(
            graph, tbb::flow::unlimited,
            [&](carrier* with, choice::output_ports_type& to) { owner.work_on(with, to); },
            tbb::flow::node_priority_t{1}),
        write(graph, tbb::flow::unlimited,
              [&](carrier* with, node_gateway& gateway) { owner.start(with, false, gateway); }),
        direct(graph, tbb::flow::unlimited, [&](std::uint32_t which) {
          if (!owner.failures_.any()) {
            owner.failures_.note(owner.guarded({which}, owner.homes_.at({which}).state));
          }
          return tbb::flow::continue_msg{};
        }) {
    tbb::flow::make_edge(tbb::flow::output_port<0>(begin), read);
    tbb::flow::make_edge(tbb::flow::output_port<1>(begin), work);
    tbb::flow::make_edge(read, work);
    tbb::flow::make_edge(tbb::flow::output_port<0>(work), write);
    tbb::flow::make_edge(tbb::flow::output_port<1>(work), begin);
    tbb::flow::make_edge(write, begin);
  }

  tbb::flow::graph graph;
  choice begin;
  hop_node read;
  choice work;
  hop_node write;
  direct_node direct;
};

tile_pipeline::tile_pipeline(const layout& where, const blueprint& drawn, tile_homes& homes,
                             const tile_work& stamps, workers& threads)
    : where_(where),
      homes_(homes),
      stamps_(stamps),
      workers_(threads),
      carriers_(drawn.staging.count),
      cache_size_(drawn.cached_tiles),
      kept_(where.tiles().size()),
      carrier_of_(where.tiles().size()) {
  for (std::uint32_t i = 0; i < carriers_.size(); ++i) {
    carriers_[i].owner = this;
    carriers_[i].buffer = homes.staging(i);
  }
  staged_.reserve(where.tiles().size());
  found_.reserve(carriers_.size());
  workers_.arena().execute([&] { nodes_ = std::make_unique<graph_nodes>(*this); });
}

tile_pipeline::~tile_pipeline() = default;

/// Which of the run's tiles are in the cache, and which are to be there when it ends.
void tile_pipeline::line_up(std::span<const tile_id> tiles, after then) {
  found_.clear();
  std::size_t on_disk = 0;
  for (const tile_id each : tiles) {
    if (homes_.at(each).where == place::nvme) {
      ++on_disk;
      carrier* const there = carrier_of_[each.value];
      if (there != nullptr) {
        found_.push_back(there);
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
  next_staged_ = 0;
  staged_.clear();
  idle_.clear();
  for (carrier& each : carriers_) {
    each.outcome = {};
    if (!each.cached) {
      idle_.push_back(&each);
    }
  }
}

void tile_pipeline::feed(std::span<const tile_id> some) {
  std::vector<carrier*> woken;
  {
    const std::lock_guard hold(gate_);
    for (const tile_id each : some) {
      if (homes_.at(each).where == place::nvme && !cached(each)) {
        staged_.push_back(each);
      }
    }
    const std::size_t wanted = std::min(idle_.size(), staged_.size() - next_staged_);
    woken.assign(idle_.end() - static_cast<std::ptrdiff_t>(wanted), idle_.end());
    idle_.resize(idle_.size() - wanted);
  }
  for (carrier* const each : woken) {
    nodes_->begin.try_put(each);
  }
}

status tile_pipeline::finish(std::span<const tile_id> rest) {
  hits_ += found_.size();
  workers_.arena().execute([&] {
    feed(rest);
    for (carrier* const each : found_) {
      nodes_->work.try_put(each);
    }
    for (const tile_id each : rest) {
      if (homes_.at(each).where != place::nvme) {
        nodes_->direct.try_put(each.value);
      }
    }
  });
  return drain();
}

status tile_pipeline::drain() {
  workers_.arena().execute([&] { nodes_->graph.wait_for_all(); });
  todo_ = nullptr;
  return failures_.take();
}

status tile_pipeline::flush() {
  workers_.arena().execute([&] {
    for (carrier& each : carriers_) {
      if (each.cached && each.changed) {
        each.outcome = {};
        nodes_->write.try_put(&each);
      }
    }
    nodes_->graph.wait_for_all();
  });
  return failures_.take();
}

void tile_pipeline::drop_cache() {
  for (carrier& each : carriers_) {
    each.cached = each.changed = false;
  }
  std::ranges::fill(carrier_of_, nullptr);
}

/// A carrier that comes back is written; it takes the next tile, or rests.
void tile_pipeline::begin(carrier* with, choice::output_ports_type& to) {
  if (with->moving) {
    std::get<1>(to).try_put(with);
    return;
  }
  failures_.note(with->outcome);
  if (with->cached) {
    return;
  }
  const auto next = next_for(with);
  if (!next) {
    return;
  }
  with->holds = *next;
  if (movement_ == movement::write_only) {
    std::get<1>(to).try_put(with);
  } else {
    std::get<0>(to).try_put(with);
  }
}

/// The tile that `with` is to bring in; without one it is idle.
std::optional<tile_id> tile_pipeline::next_for(carrier* with) {
  const std::lock_guard hold(gate_);
  if (failures_.any() || next_staged_ == staged_.size()) {
    idle_.push_back(with);
    return std::nullopt;
  }
  return staged_[next_staged_++];
}

void tile_pipeline::start(carrier* with, bool reading, node_gateway& gateway) {
  const extent& stored = homes_.stored().latest(with->holds);
  with->gateway = &gateway;
  gateway.reserve_wait();
  const completion done{[](void* context, const status& outcome) {
                          auto* arrived = static_cast<carrier*>(context);
                          arrived->owner->arrive(*arrived, outcome);
                          node_gateway* back = arrived->gateway;
                          back->try_put(arrived);
                          back->release_wait();
                        },
                        with};
  link& through = reading ? homes_.read() : homes_.write();
  (void)through.submit({.address = stored.address,
                        .memory = with->buffer.first(stored.size.value),
                        .urgency = reading ? priority::demand : priority::write_back,
                        .deadline = {},
                        .done = done,
                        .whose = subject::of(with->holds)});
}

/// A read or a write is over.
void tile_pipeline::arrive(carrier& with, const status& outcome) {
  if (!outcome) {
    with.outcome = outcome;
    with.moving = with.changed && (outcome.error().code == errc::io_failure ||
                                   outcome.error().code == errc::no_space);
    return;
  }
  if (with.changed) {
    homes_.stored().written(with.holds);
    with.changed = false;
  }
}

void tile_pipeline::work_on(carrier* with, choice::output_ports_type& to) {
  if (std::exchange(with->moving, false)) {
    with->outcome = homes_.stored().move_away(with->holds, with->outcome.error());
    if (with->outcome) {
      stamps_.stamp(with->holds, state_of(*with));
      std::get<0>(to).try_put(with);
    } else {
      std::get<1>(to).try_put(with);
    }
    return;
  }
  if (with->outcome && !failures_.any()) {
    with->outcome = guarded(with->holds, state_of(*with));
    with->changed = with->changed || movement_ != movement::read_only;
    with->cached = with->outcome && kept_[with->holds.value] != 0;
    carrier_of_[with->holds.value] = with->cached ? with : nullptr;
    if (with->cached) {
      return;
    }
    if (with->outcome && with->changed) {
      std::get<0>(to).try_put(with);
      return;
    }
  }
  std::get<1>(to).try_put(with);
}

std::span<std::byte> tile_pipeline::state_of(const carrier& which) const {
  return which.buffer.first(bytes_of(where_, where_.at(which.holds), false).state.value);
}

/// An exception would cancel the graph and strand its carriers: it becomes a failure instead.
status tile_pipeline::guarded(tile_id which, std::span<std::byte> state) const {
  try {
    return (*todo_)(which, state);
  } catch (const std::exception& thrown) {
    return failure{errc::failed_task, fmt::format("tile {}: {}", which.value, thrown.what())};
  }
}

}  // namespace ballast
