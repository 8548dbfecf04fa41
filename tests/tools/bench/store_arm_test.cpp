// What the store's arm does for the bench's own sake is counted as such.
#include "tools/bench/store_arm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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
constexpr int passes = 12;

TEST(StoreArm, CountsMarkingAsChecks) {
  const nvme::testing::test_folder folder;
  const steady_clock now;
  guarded_buffer memory(tile.value * 2);
  auto held = bench_store::open({.folders = {folder.path()},
                                 .each = total,
                                 .tile = tile,
                                 .setting = {.block = {1 << 20}, .depth = 4},
                                 .arena = memory.span()},
                                now);
  ASSERT_TRUE(held) << held.error().message;
  store_arm writes("store", io_mix::write, block_order::sequential, *held, memory.span(), 2);
  ASSERT_TRUE(writes.run(scrutiny::some_marks));
  store_arm reads("store", io_mix::read, block_order::sequential, *held, memory.span(), 2);
  // The least of several passes, so that what else the machine does drops out.
  double some = 1e9;
  double all = 1e9;
  double marking = 1e9;
  for (int i = 0; i < passes; ++i) {
    some = std::min(some, reads.run(scrutiny::some_marks).value().checks);
    all = std::min(all, reads.run(scrutiny::all_bytes).value().checks);
    const double begin = thread_cpu_seconds();
    for (const extent& each : held->tiles())
      std::memset(memory.span().data(), 0xA5, each.size.value);
    marking = std::min(marking, thread_cpu_seconds() - begin);
  }
  EXPECT_GT(all - some, marking / 3) << "marking every byte is the bench's own work";
}

}  // namespace
}  // namespace ballast::tools
