// Every element has one owner, whatever the numbers of elements and threads.
#include "tools/bench/thread_team.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace ballast::tools {
namespace {

TEST(ThreadTeam, SharesAreContiguousWholeSlices) {
  for (const std::uint32_t threads : {1u, 2u, 3u, 5u}) {
    thread_team team(threads);
    for (const std::uint64_t count : {1u, 4095u, 16384u, 16385u, 100'001u, 1'000'000u}) {
      elements next{0};
      for (std::uint32_t thread = 0; thread < threads; ++thread) {
        const element_range share = team.share(thread, {count});
        EXPECT_EQ(share.begin, next);
        EXPECT_TRUE(share.begin.value % bench_slice.value == 0 || share.empty());
        next = share.end();
      }
      EXPECT_EQ(next.value, count);
    }
  }
}

TEST(ThreadTeam, EverySliceIsVisitedOnceAPassByItsOwner) {
  thread_team team(3);
  const elements count{200'001};
  std::vector<std::atomic<int>> visits(count_up(count, bench_slice));
  std::atomic<std::uint64_t> visited{0};
  team.for_each_slice(count, 2, [&](element_range slice, std::uint32_t thread) {
    const element_range mine = team.share(thread, count);
    EXPECT_EQ(intersect(slice, mine), slice);
    ++visits[slice.begin / bench_slice];
    visited += slice.count.value;
  });
  for (const auto& each : visits) EXPECT_EQ(each, 2);
  EXPECT_EQ(visited, 2 * count.value);
}

}  // namespace
}  // namespace ballast::tools
