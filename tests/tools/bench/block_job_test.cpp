// Every block of every file once, files in turn, in the order asked for.
#include "tools/bench/block_job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ballast::tools {
namespace {

using nvme::io_op;

constexpr bytes block{8192};
constexpr bytes file{8192 * 100};

std::vector<block_step> steps(io_mix mix, block_order order, std::size_t files) {
  return steps_of({mix, order, {block, 4}}, file, files);
}

TEST(BlockJob, SequentialBlocksFollowEachOtherInTurnsOfTheFiles) {
  const auto made = steps(io_mix::read, block_order::sequential, 2);
  ASSERT_EQ(made.size(), 200u);
  EXPECT_EQ(made[0].address, 0u);
  EXPECT_EQ(made[1].address, file.value);
  EXPECT_EQ(made[2].address, block.value);
  EXPECT_EQ(made[199].address, 2 * file.value - block.value);
}

TEST(BlockJob, RandomBlocksAreTheSameBlocksInAnotherOrder) {
  for (const io_mix mix : {io_mix::read, io_mix::write, io_mix::mixed}) {
    const auto made = steps(mix, block_order::random, 3);
    std::set<std::uint64_t> seen;
    for (const block_step& each : made) seen.insert(each.address);
    EXPECT_EQ(seen.size(), 300u);
    EXPECT_EQ(*seen.rbegin(), 3 * file.value - block.value);
    EXPECT_FALSE(std::ranges::is_sorted(made, {}, &block_step::address));
    EXPECT_EQ(steps(mix, block_order::random, 3)[7].address, made[7].address);
  }
}

TEST(BlockJob, HalfOfAMixedJobIsWrittenInEveryFile) {
  for (const std::size_t files : {1u, 2u, 3u}) {
    std::vector<std::uint64_t> written(files);
    for (const block_step& each : steps(io_mix::mixed, block_order::sequential, files)) {
      written[each.address / file.value] += each.op == io_op::write ? 1 : 0;
    }
    EXPECT_THAT(written, testing::Each(50u));
  }
}

TEST(BlockJob, WhatIsLeftOfAFileIsNotMoved) {
  EXPECT_EQ(steps_of({io_mix::read, block_order::sequential, {{8192}, 1}}, {8191 + 8192}, 1).size(),
            1u);
}

}  // namespace
}  // namespace ballast::tools
