// What every communicator must do, whatever carries its bytes. A backend's test file names a world,
// a type with:
//
//   static constexpr std::uint32_t ranks;               // how many ranks
//   template <class Body> void run(Body body);          // body(communicator&) on every rank, at
//   once
//
// and says INSTANTIATE_TYPED_TEST_SUITE_P(name, communicator_conformance, world). Bodies run on the
// ranks' own threads or processes; each checks its own rank's results.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/conformance/collective_values.hpp"
#include "tests/conformance/heard.hpp"

namespace ballast::conformance {

template <class World>
class communicator_conformance : public ::testing::Test {
 protected:
  World world;
};
TYPED_TEST_SUITE_P(communicator_conformance);

TYPED_TEST_P(communicator_conformance, KnowsItsPlace) {
  this->world.run([](communicator& ranks) {
    EXPECT_EQ(ranks.size(), TypeParam::ranks);
    EXPECT_LT(ranks.self().value, ranks.size());
    EXPECT_FALSE(ranks.name().empty());
  });
}

// Whole layers of several numbers of blocks: shards are equal, short or empty.
TYPED_TEST_P(communicator_conformance, ReduceScatterLeavesThisRanksShardOfTheOrderedSum) {
  this->world.run([](communicator& ranks) {
    std::uint64_t sequence = 0;
    for (const dtype type : {dtype::f32, dtype::bf16, dtype::f16}) {
      for (const values drawn : {values::moderate, values::any_bits}) {
        for (const std::uint64_t blocks : {1u, 3u, 4u, 7u}) {
          const std::vector<element_range> shards = layer_shards(blocks, ranks.size());
          const auto whole = rank_values(ranks.self(), type, block_elements * blocks, drawn);
          const element_range own = shards[ranks.self().value];
          std::vector<std::byte> shard((size_of(type) * own.count.value).value, unwritten);
          ASSERT_TRUE(ranks.reduce_scatter({whole, shard, shards, type}, tag(++sequence)).wait());
          ASSERT_EQ(wrong_sums(shard, own, type, ranks.size(), drawn), 0u)
              << to_string(type) << ", " << blocks << " blocks";
        }
      }
    }
  });
}

TYPED_TEST_P(communicator_conformance, ReduceScatterTakesTheShardInItsPlace) {
  this->world.run([](communicator& ranks) {
    const std::vector<element_range> shards = layer_shards(5, ranks.size());
    auto whole = rank_values(ranks.self(), dtype::bf16, block_elements * 5, values::moderate);
    const auto before = whole;
    const element_range own = shards[ranks.self().value];
    const std::span<std::byte> shard = part_of(whole, own, {2});
    ASSERT_TRUE(ranks.reduce_scatter({whole, shard, shards, dtype::bf16}, tag(1)).wait());
    EXPECT_EQ(wrong_sums(shard, own, dtype::bf16, ranks.size(), values::moderate), 0u);
    // Nothing but the shard was written.
    std::ranges::copy(part_of(before, own, {2}), shard.begin());
    EXPECT_EQ(whole, before);
  });
}

// A bucket: of every shard a part of some odd length, none of the last rank's.
TYPED_TEST_P(communicator_conformance, CarriesPartsOfShards) {
  this->world.run([](communicator& ranks) {
    const std::vector<element_range> shards = bucket(ranks.size());
    const elements count = shards.back().end() + elements{17};
    const element_range own = shards[ranks.self().value];
    auto whole = rank_values(ranks.self(), dtype::f16, count, values::any_bits);
    std::vector<std::byte> shard((size_of(dtype::f16) * own.count.value).value, unwritten);
    ASSERT_TRUE(ranks.reduce_scatter({whole, shard, shards, dtype::f16}, tag(1)).wait());
    EXPECT_EQ(wrong_sums(shard, own, dtype::f16, ranks.size(), values::any_bits), 0u);

    std::ranges::fill(whole, unwritten);
    ASSERT_TRUE(ranks.all_gather({shard, whole, shards, size_of(dtype::f16)}, tag(2)).wait());
    for (const element_range& each : shards) {
      EXPECT_EQ(
          wrong_sums(part_of(whole, each, {2}), each, dtype::f16, ranks.size(), values::any_bits),
          0u);
      std::ranges::fill(part_of(whole, each, {2}), unwritten);
    }
    EXPECT_EQ(std::ranges::count(whole, unwritten), static_cast<std::ptrdiff_t>(whole.size()));
  });
}

// Summed by a library, or else in order. Longer than a library takes at once.
TYPED_TEST_P(communicator_conformance, SumsThatNeedNotBeOrderedAreWithinRounding) {
  this->world.run([](communicator& ranks) {
    std::uint64_t sequence = 0;
    for (const dtype type : {dtype::f32, dtype::bf16, dtype::f16}) {
      for (const std::uint64_t blocks : {1u, 3u, 7u, 301u}) {
        const std::vector<element_range> shards = layer_shards(blocks, ranks.size());
        const elements count = block_elements * blocks;
        const element_range own = shards[ranks.self().value];
        const auto given = rank_values(ranks.self(), type, count, values::moderate);
        for (const bool in_place : {false, true}) {
          auto whole = given;
          std::vector<std::byte> other((size_of(type) * own.count.value).value, unwritten);
          const auto shard =
              in_place ? part_of(whole, own, size_of(type)) : std::span<std::byte>(other);
          const reduction what{whole, shard, shards, type, false};
          ASSERT_TRUE(ranks.reduce_scatter(what, tag(++sequence)).wait());
          ASSERT_EQ(far_sums(shard, own, type, ranks.size()), 0u)
              << to_string(type) << ", " << blocks << " blocks";
          // Nothing but the shard was written.
          std::ranges::copy(part_of(given, own, size_of(type)), shard.begin());
          ASSERT_EQ(whole, given);
        }
      }
    }
  });
}

TYPED_TEST_P(communicator_conformance, SumsThatNeedNotBeOrderedCarryPartsOfShards) {
  this->world.run([](communicator& ranks) {
    const std::vector<element_range> shards = bucket(ranks.size());
    const elements count = shards.back().end() + elements{17};
    const element_range own = shards[ranks.self().value];
    std::uint64_t sequence = 0;
    for (const dtype type : {dtype::f32, dtype::bf16, dtype::f16}) {
      const auto whole = rank_values(ranks.self(), type, count, values::moderate);
      std::vector<std::byte> shard((size_of(type) * own.count.value).value, unwritten);
      const reduction what{whole, shard, shards, type, false};
      ASSERT_TRUE(ranks.reduce_scatter(what, tag(++sequence)).wait());
      EXPECT_EQ(far_sums(shard, own, type, ranks.size()), 0u);
    }
    const std::vector<element_range> empty(ranks.size());
    EXPECT_TRUE(ranks.reduce_scatter({{}, {}, empty, dtype::f32, false}, tag(++sequence)).wait());
    EXPECT_TRUE(ranks.barrier(tag(++sequence)));
  });
}

TYPED_TEST_P(communicator_conformance, AllReduceLeavesEveryRankTheSameOrderedSum) {
  this->world.run([](communicator& ranks) {
    for (const dtype type : {dtype::f32, dtype::bf16}) {
      const elements count = block_elements * 6;
      const std::vector<element_range> shards = layer_shards(6, ranks.size());
      auto whole = rank_values(ranks.self(), type, count, values::moderate);
      ASSERT_TRUE(ranks.all_reduce(whole, shards, type, tag(1)).wait());
      EXPECT_EQ(wrong_sums(whole, {{0}, count}, type, ranks.size(), values::moderate), 0u);
    }
  });
}

TYPED_TEST_P(communicator_conformance, AllGatherPutsEveryShardInItsPlace) {
  this->world.run([](communicator& ranks) {
    for (const std::uint64_t blocks : {1u, 4u, 7u}) {
      const std::vector<element_range> shards = layer_shards(blocks, ranks.size());
      const element_range own = shards[ranks.self().value];
      std::vector<std::uint32_t> shard(own.count.value);
      std::iota(shard.begin(), shard.end(), static_cast<std::uint32_t>(own.begin.value));
      std::vector<std::uint32_t> whole(blocks * block_elements.value, ~0u);
      const gathering what{
          std::as_bytes(std::span(shard)), std::as_writable_bytes(std::span(whole)), shards, {4}};
      ASSERT_TRUE(ranks.all_gather(what, tag(blocks)).wait());
      std::vector<std::uint32_t> expected(whole.size());
      std::iota(expected.begin(), expected.end(), 0u);
      EXPECT_EQ(whole, expected);
    }
  });
}

TYPED_TEST_P(communicator_conformance, AllGatherTakesTheShardInItsPlace) {
  this->world.run([](communicator& ranks) {
    const std::vector<element_range> shards = layer_shards(3, ranks.size());
    std::vector<std::uint32_t> whole(3 * block_elements.value, ~0u);
    const auto all = std::as_writable_bytes(std::span(whole));
    const element_range own = shards[ranks.self().value];
    std::iota(whole.begin() + static_cast<std::ptrdiff_t>(own.begin.value),
              whole.begin() + static_cast<std::ptrdiff_t>(own.end().value),
              static_cast<std::uint32_t>(own.begin.value));
    const auto shard = all.subspan(own.begin.value * 4, own.count.value * 4);
    ASSERT_TRUE(ranks.all_gather({shard, all, shards, {4}}, tag(1)).wait());
    std::vector<std::uint32_t> expected(whole.size());
    std::iota(expected.begin(), expected.end(), 0u);
    EXPECT_EQ(whole, expected);
  });
}

// Rank r has r + 1 of them.
TYPED_TEST_P(communicator_conformance, AllGatherSumsKeepsIndexOrder) {
  this->world.run([](communicator& ranks) {
    std::vector<element_range> shards;
    elements next;
    for (std::uint64_t r = 0; r < ranks.size(); ++r) {
      shards.push_back({next, {r + 1}});
      next = shards.back().end();
    }
    const element_range mine = shards[ranks.self().value];
    std::vector<double> own(mine.count.value);
    std::iota(own.begin(), own.end(), 0.25 + static_cast<double>(mine.begin.value));
    std::vector<double> all(next.value);
    ASSERT_TRUE(ranks.all_gather_sums(own, all, shards, tag(1)));
    std::vector<double> expected(next.value);
    std::iota(expected.begin(), expected.end(), 0.25);
    EXPECT_EQ(all, expected);
  });
}

TYPED_TEST_P(communicator_conformance, AnyIsTrueEverywhereWhenTrueSomewhere) {
  this->world.run([](communicator& ranks) {
    EXPECT_FALSE(ranks.any(false, tag(1)).value());
    EXPECT_TRUE(ranks.any(ranks.self().value == 0, tag(2)).value());
    EXPECT_TRUE(ranks.any(ranks.self().value + 1 == ranks.size(), tag(3)).value());
    EXPECT_TRUE(ranks.any(true, tag(4)).value());
    EXPECT_TRUE(ranks.barrier(tag(5)));
  });
}

TYPED_TEST_P(communicator_conformance, NothingIsMovedForEmptyShards) {
  this->world.run([](communicator& ranks) {
    const std::vector<element_range> shards(ranks.size());
    EXPECT_TRUE(ranks.reduce_scatter({{}, {}, shards, dtype::f32}, tag(1)).wait());
    EXPECT_TRUE(ranks.all_gather({{}, {}, shards, {1}}, tag(2)).wait());
    EXPECT_TRUE(ranks.all_gather_sums({}, {}, shards, tag(3)));
  });
}

// Memory made for it is used in place; what lies elsewhere on one rank may be copied on the way.
// Longer than any copy on the way is at once.
TYPED_TEST_P(communicator_conformance, UsesItsRegionsAndOtherMemoryAlike) {
  this->world.run([](communicator& ranks) {
    constexpr elements count = block_elements * 301;
    const std::vector<element_range> shards = layer_shards(301, ranks.size());
    const element_range own = shards[ranks.self().value];
    const auto given = rank_values(ranks.self(), dtype::bf16, count, values::moderate);
    const auto region = ranks.make_region(bytes{2 * count.value + 64});
    ASSERT_TRUE(region) << region.error().message;
    ASSERT_GE((*region)->span().size(), given.size());
    const auto inside = (*region)->span().subspan(64, given.size());
    for (const bool one_elsewhere : {false, true}) {
      const bool elsewhere = one_elsewhere && ranks.self().value == 0;
      std::vector<std::byte> other(given);
      const auto whole = elsewhere ? std::span(other) : inside;
      std::ranges::copy(given, whole.begin());
      const auto shard = part_of(whole, own, {2});
      ASSERT_TRUE(ranks.reduce_scatter({whole, shard, shards, dtype::bf16}, tag(1)).wait());
      EXPECT_EQ(wrong_sums(shard, own, dtype::bf16, ranks.size(), values::moderate), 0u);
      ASSERT_TRUE(ranks.all_gather({shard, whole, shards, {2}}, tag(2)).wait());
      EXPECT_EQ(wrong_sums(whole, {{0}, count}, dtype::bf16, ranks.size(), values::moderate), 0u);
    }
    EXPECT_TRUE(ranks.barrier(tag(3)));
  });
}

// Many may be under way; they happen in order, and each is heard once.
TYPED_TEST_P(communicator_conformance, CompletesInTheOrderOfSubmission) {
  this->world.run([](communicator& ranks) {
    constexpr int turns = 20;
    const std::vector<element_range> shards = layer_shards(ranks.size(), ranks.size());
    const element_range own = shards[ranks.self().value];
    std::vector<std::uint32_t> whole(ranks.size() * block_elements.value);
    const auto all = std::as_writable_bytes(std::span(whole));
    const auto shard = all.subspan(own.begin.value * 4, own.count.value * 4);
    testing::heard said;
    std::vector<ticket> tickets;
    for (int turn = 0; turn < turns; ++turn) {
      tickets.push_back(ranks.all_gather({shard, all, shards, {4}},
                                         tag(static_cast<std::uint64_t>(turn)), said.done()));
    }
    ASSERT_TRUE(tickets.back().wait());
    EXPECT_EQ(said.calls, turns);
    EXPECT_EQ(said.failures, 0);
    for (const ticket& each : tickets) {
      ASSERT_TRUE(each.poll().has_value());
      EXPECT_TRUE(*each.poll());
    }
  });
}

REGISTER_TYPED_TEST_SUITE_P(communicator_conformance, KnowsItsPlace,
                            ReduceScatterLeavesThisRanksShardOfTheOrderedSum,
                            ReduceScatterTakesTheShardInItsPlace, CarriesPartsOfShards,
                            SumsThatNeedNotBeOrderedAreWithinRounding,
                            SumsThatNeedNotBeOrderedCarryPartsOfShards,
                            AllReduceLeavesEveryRankTheSameOrderedSum,
                            AllGatherPutsEveryShardInItsPlace, AllGatherTakesTheShardInItsPlace,
                            AllGatherSumsKeepsIndexOrder, AnyIsTrueEverywhereWhenTrueSomewhere,
                            NothingIsMovedForEmptyShards, UsesItsRegionsAndOtherMemoryAlike,
                            CompletesInTheOrderOfSubmission);

}  // namespace ballast::conformance
