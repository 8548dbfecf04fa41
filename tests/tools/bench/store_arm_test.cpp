// What the store's arm does for the bench's own sake is counted as such.
#include "tools/bench/store_arm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/nvme/test_folder.hpp"
#include "tools/bench/cpu_clock.hpp"

namespace ballast::tools {
namespace {

using testing::guarded_buffer;

constexpr bytes total{bench_store::slice_size.value * 64};  // 12 MiB
constexpr bytes tile{bench_store::slice_size.value * 8};
constexpr std::size_t passes = 16;

TEST(StoreArm, CountsMarkingAsChecks) {
  const nvme::testing::test_folder folder;
  const steady_clock now;
  guarded_buffer memory(total.value);  // more than stays in a cache
  auto held = bench_store::open({.folders = {folder.path()},
                                 .each = total,
                                 .tile = tile,
                                 .setting = {.block = {1 << 20}, .depth = 4},
                                 .arena = memory.span()},
                                now);
  ASSERT_TRUE(held) << held.error().message;
  store_arm writes("store", io_mix::write, block_order::sequential, *held, memory.span(), 8);
  ASSERT_TRUE(writes.run(scrutiny::some_marks));
  store_arm reads("store", io_mix::read, block_order::sequential, *held, memory.span(), 8);
  // The least of several passes, so that what else the machine does drops out.
  std::array<double, 2> some{1e9, 1e9};
  double all = 1e9;
  double marking = 1e9;
  for (std::size_t i = 0; i < passes; ++i) {
    double& least = some[i % some.size()];
    least = std::min(least, reads.run(scrutiny::some_marks).value().checks);
    all = std::min(all, reads.run(scrutiny::all_bytes).value().checks);
    const double begin = thread_cpu_seconds();
    std::memset(memory.span().data(), 0xA5, total.value);
    marking = std::min(marking, thread_cpu_seconds() - begin);
  }
  if (std::abs(some[0] - some[1]) > marking / 3) {
    GTEST_SKIP()
        << "digests take too long in this build, or at this load, to see marking beside them";
  }
  EXPECT_GT(all - std::min(some[0], some[1]), marking / 3) << "marking is the bench's own work";
}

}  // namespace
}  // namespace ballast::tools
