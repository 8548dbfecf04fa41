// Which threads does the engine take on machines that are not this one, and do several arenas do
// the work of one?
#include <gtest/gtest.h>

#include <atomic>
#include <ballast/thread_plan.hpp>
#include <vector>

#include "src/workers.hpp"

namespace ballast {
namespace {

std::vector<std::uint32_t> threads_of(std::uint32_t asked, std::vector<numa_node> machine) {
  std::vector<std::uint32_t> found;
  for (const numa_node& each : plan_threads(asked, machine).nodes) found.push_back(each.threads);
  return found;
}

TEST(ThreadPlan, LeavesCoresToTheLinksWhereThereAreEnough) {
  using list = std::vector<std::uint32_t>;
  EXPECT_EQ(threads_of(0, {{0, 1}}), list{1});
  EXPECT_EQ(threads_of(0, {{0, 4}}), list{4});
  EXPECT_EQ(threads_of(0, {{0, 8}}), list{7});
  EXPECT_EQ(threads_of(0, {{0, 32}, {1, 32}}), (list{31, 31}));
  EXPECT_EQ(plan_threads(0, std::vector<numa_node>{{0, 32}, {1, 32}}).left_free, 2u);
}

TEST(ThreadPlan, GivesWhatWasAskedForInProportion) {
  using list = std::vector<std::uint32_t>;
  EXPECT_EQ(threads_of(3, {{0, 2}}), list{3});
  EXPECT_EQ(threads_of(4, {{0, 32}, {1, 32}}), (list{2, 2}));
  EXPECT_EQ(threads_of(1, {{0, 32}, {1, 32}}).size(), 1u);
  EXPECT_EQ(threads_of(6, {{0, 8}, {1, 16}}), (list{2, 4}));
}

TEST(ThreadPlan, SaysWhatItChose) {
  EXPECT_EQ(plan_threads(0, std::vector<numa_node>{{0, 2}}).description(),
            "2 threads on 1 NUMA node, no core left free");
  EXPECT_EQ(plan_threads(0, std::vector<numa_node>{{0, 8}, {1, 8}}).description(),
            "14 threads on 2 NUMA nodes, 2 cores left free");
}

TEST(ThreadPlan, FindsThisMachine) {
  const std::vector<numa_node> nodes = find_numa_nodes();
  ASSERT_FALSE(nodes.empty());
  for (const numa_node& each : nodes) EXPECT_GE(each.threads, 1u);
}

/// Arenas that oneTBB may put anywhere stand in for NUMA nodes.
thread_plan several_nodes() { return {.nodes = {{-1, 1}, {-1, 2}, {-1, 1}}, .left_free = 0}; }

TEST(Workers, CallEveryIndexOnceOnSeveralNodes) {
  workers threads(several_nodes());
  for (const std::size_t count : {0, 1, 3, 1000}) {
    std::vector<std::atomic<int>> calls(count);
    threads.for_each(count, [&](std::size_t i) { ++calls[i]; });
    for (const auto& each : calls) EXPECT_EQ(each, 1);
  }
}

TEST(Workers, NameTheOwnerOfAShare) {
  const workers threads(several_nodes());
  EXPECT_EQ(threads.nodes(), 3u);
  EXPECT_EQ(threads.owner_of(0), 0u);
  EXPECT_EQ(threads.owner_of(0.3), 1u);
  EXPECT_EQ(threads.owner_of(0.74), 1u);
  EXPECT_EQ(threads.owner_of(0.76), 2u);
  EXPECT_EQ(threads.owner_of(1), 2u);
  EXPECT_EQ(workers({.nodes = {{-1, 2}}}).owner_of(0.9), 0u);
}

TEST(Workers, RunTheOwnersBodyOnce) {
  workers threads(several_nodes());
  for (const double share : {0.0, 0.3, 0.5, 0.999, 1.0}) {
    int calls = 0;
    threads.on_owner(share, [&] { ++calls; });
    EXPECT_EQ(calls, 1) << share;
  }
}

}  // namespace
}  // namespace ballast
