#include <fmt/format.h>
#include <tbb/info.h>

#include <algorithm>
#include <ballast/assert.hpp>
#include <ballast/thread_plan.hpp>
#include <filesystem>
#include <numeric>

namespace ballast {
namespace {

std::uint32_t sum_of(std::span<const numa_node> nodes) {
  return std::accumulate(
      nodes.begin(), nodes.end(), std::uint32_t{0},
      [](std::uint32_t sum, const numa_node& each) { return sum + each.threads; });
}

std::uint32_t spare_cores(std::uint32_t cores) { return cores <= 4 ? 0 : cores <= 8 ? 1 : 2; }

}  // namespace

std::uint32_t thread_plan::threads() const { return sum_of(nodes); }

std::string thread_plan::description() const {
  const std::uint32_t count = threads();
  return fmt::format("{} thread{} on {} NUMA node{}, {} left free", count, count == 1 ? "" : "s",
                     nodes.size(), nodes.size() == 1 ? "" : "s",
                     left_free == 0   ? "no core"
                     : left_free == 1 ? "1 core"
                                      : fmt::format("{} cores", left_free));
}

thread_plan plan_threads(std::uint32_t asked, std::span<const numa_node> machine) {
  require(!machine.empty(), "a machine has a NUMA node");
  const std::uint32_t cores = sum_of(machine);
  thread_plan made;
  made.left_free = asked == 0 ? spare_cores(cores) : cores - std::min(cores, asked);
  const std::uint32_t wanted = asked == 0 ? cores - made.left_free : asked;
  // A node's share ends where its cores end, rounded; the last one ends at `wanted`.
  std::uint64_t seen = 0;
  std::uint64_t given = 0;
  for (const numa_node& each : machine) {
    seen += each.threads;
    const std::uint64_t end = (seen * wanted + cores / 2) / cores;
    if (end > given) {
      made.nodes.push_back({each.id, static_cast<std::uint32_t>(end - given)});
      given = end;
    }
  }
  return made;
}

std::vector<numa_node> find_numa_nodes() {
  // Only where there are several is the scheduler asked: its answer costs loading hwloc, which
  // AddressSanitizer ends the process for.
  if (!std::filesystem::exists("/sys/devices/system/node/node1")) {
    return {{-1, static_cast<std::uint32_t>(tbb::info::default_concurrency())}};
  }
  std::vector<numa_node> found;
  for (const tbb::numa_node_id id : tbb::info::numa_nodes()) {
    found.push_back({id, static_cast<std::uint32_t>(tbb::info::default_concurrency(id))});
  }
  return found;
}

}  // namespace ballast
