// How many threads the engine's arithmetic runs on, on which NUMA nodes, and which cores it leaves
// to the threads that wait for links.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ballast {

/// A NUMA node as the scheduler names it, and its cores or threads.
struct numa_node {
  int id = -1;  ///< of oneTBB; -1: any
  std::uint32_t threads = 1;
};

struct thread_plan {
  std::vector<numa_node> nodes;  ///< threads of the engine on each
  std::uint32_t left_free = 0;   ///< cores for the threads that submit and reap

  std::uint32_t threads() const;
  /// One line for reports: "2 threads on 1 NUMA node, no core left free".
  std::string description() const;
};

/// `asked` threads, or for 0 one a core, less one from 5 cores on and two from 9 on: a link's
/// thread that waits for a core holds up every thread that waits for its bytes, but of 4 cores one
/// is worth more to the arithmetic. Spread over the nodes in proportion to their cores.
///
/// Shapes: `machine` is not empty
thread_plan plan_threads(std::uint32_t asked, std::span<const numa_node> machine);

/// This machine's nodes and cores, as far as this process may use them.
std::vector<numa_node> find_numa_nodes();

}  // namespace ballast
