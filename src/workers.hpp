// The engine's threads: oneTBB arenas, one over all of them for the pipeline, and where
// there are several NUMA nodes one bound to each, so that a thread works on memory that it touched
// first. The caller joins them for as long as it waits for their work.
#pragma once

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <ballast/thread_plan.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace ballast {

class workers {
 public:
  explicit workers(thread_plan plan)
      : plan_(std::move(plan)), arena_(static_cast<int>(plan_.threads())) {
    if (plan_.nodes.size() > 1) {
      for (const numa_node& each : plan_.nodes) {
        nodes_.emplace_back(each);
      }
    }
  }

  /// Calls body(i) for i in [0, count), in any order, and returns when all are done. Where there
  /// are several nodes each takes a contiguous share.
  ///
  /// Threads: the caller's alone
  template <class Body>
  void for_each(std::size_t count, const Body& body) {
    if (nodes_.empty()) {
      arena_.execute([&] { split(0, count, body); });
      return;
    }
    std::size_t begin = 0;
    std::uint64_t threads = 0;
    for (bound_arena& each : nodes_) {
      threads += each.threads;
      const std::size_t end = count * threads / plan_.threads();
      each.arena.execute(
          [&] { each.group.run([this, begin, end, &body] { split(begin, end, body); }); });
      begin = end;
    }
    for (bound_arena& each : nodes_) {
      each.arena.execute([&] { each.group.wait(); });
    }
  }

  std::size_t nodes() const { return std::max<std::size_t>(1, nodes_.size()); }

  /// The node, by its place in the plan, that owns what begins after `share` of an array.
  std::size_t owner_of(double share) const {
    std::uint64_t threads = 0;
    for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
      threads += nodes_[i].threads;
      if (share * plan_.threads() < static_cast<double>(threads)) {
        return i;
      }
    }
    return nodes() - 1;
  }

  /// Calls body() on the node that owns the element of an array that begins after `share` of it,
  /// in [0, 1): the node to which for_each() gave that part of the array's first touch.
  template <class Body>
  void on_owner(double share, const Body& body) {
    if (nodes_.empty()) {
      body();
      return;
    }
    nodes_[owner_of(share)].arena.execute(body);
  }

  tbb::task_arena& arena() { return arena_; }
  const thread_plan& plan() const { return plan_; }

 private:
  struct bound_arena {
    explicit bound_arena(const numa_node& of)
        : threads(of.threads),
          arena(tbb::task_arena::constraints{of.id, static_cast<int>(of.threads)}) {}

    std::uint32_t threads;
    tbb::task_arena arena;
    tbb::task_group group;  ///< of for_each()
  };

  template <class Body>
  static void split(std::size_t begin, std::size_t end, const Body& body) {
    tbb::parallel_for(begin, end, body, tbb::simple_partitioner());
  }

  thread_plan plan_;
  tbb::task_arena arena_;
  std::deque<bound_arena> nodes_;  ///< empty on one node
};

}  // namespace ballast
