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

#include <ballast/communicator.hpp>
#include <cstring>
#include <numeric>
#include <vector>

namespace ballast::conformance {

inline collective_tag tag(std::uint64_t sequence) { return {.layer = {7}, .sequence = sequence}; }

template <class Value>
std::span<std::byte> writable(std::vector<Value>& values) {
  return std::as_writable_bytes(std::span(values));
}

template <class World>
class communicator_conformance : public testing::Test {
 protected:
  static constexpr std::size_t shard_elements = 3 * 4096;
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

// Rank r contributes element * (r + 1), exact in fp32, so the sum over ranks is known.
TYPED_TEST_P(communicator_conformance, ReduceScatterLeavesThisRanksShardOfTheSum) {
  this->world.run([](communicator& ranks) {
    const std::size_t n = TestFixture::shard_elements;
    const std::uint32_t size = ranks.size();
    std::vector<float> whole(n * size);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      whole[i] = static_cast<float>(i) * static_cast<float>(ranks.self().value + 1);
    }
    std::vector<float> shard(n, -1.0f);
    ASSERT_TRUE(ranks.reduce_scatter(writable(whole), writable(shard), dtype::f32, tag(1), {}));
    const auto weight = static_cast<float>(size * (size + 1) / 2);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(shard[i], static_cast<float>(ranks.self().value * n + i) * weight)
          << "element " << i;
    }
  });
}

TYPED_TEST_P(communicator_conformance, ReduceScatterTakesTheShardInItsPlace) {
  this->world.run([](communicator& ranks) {
    const std::size_t n = TestFixture::shard_elements;
    std::vector<float> whole(n * ranks.size(), 2.0f);
    const auto bytes = writable(whole);
    const std::size_t own = n * sizeof(float);
    const auto shard = bytes.subspan(ranks.self().value * own, own);
    ASSERT_TRUE(ranks.reduce_scatter(bytes, shard, dtype::f32, tag(1), {}));
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(whole[ranks.self().value * n + i], 2.0f * static_cast<float>(ranks.size()));
    }
  });
}

// bf16 of 1, 2, 3, ...: sums stay exact, so only the order of bytes could be wrong.
TYPED_TEST_P(communicator_conformance, ReduceScatterSumsBf16) {
  this->world.run([](communicator& ranks) {
    const auto bf16 = [](float value) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      return static_cast<std::uint16_t>(bits >> 16);
    };
    const std::size_t n = TestFixture::shard_elements;
    std::vector<std::uint16_t> whole(n * ranks.size(), bf16(3.0f));
    std::vector<std::uint16_t> shard(n);
    ASSERT_TRUE(ranks.reduce_scatter(writable(whole), writable(shard), dtype::bf16, tag(1), {}));
    EXPECT_EQ(shard, std::vector(n, bf16(3.0f * static_cast<float>(ranks.size()))));
  });
}

TYPED_TEST_P(communicator_conformance, AllGatherPutsEveryShardInItsPlace) {
  this->world.run([](communicator& ranks) {
    const std::size_t n = TestFixture::shard_elements;
    std::vector<std::uint32_t> shard(n);
    std::iota(shard.begin(), shard.end(), static_cast<std::uint32_t>(ranks.self().value * n));
    std::vector<std::uint32_t> whole(n * ranks.size());
    ASSERT_TRUE(ranks.all_gather(std::as_bytes(std::span(shard)), writable(whole), tag(1), {}));
    std::vector<std::uint32_t> expected(whole.size());
    std::iota(expected.begin(), expected.end(), 0u);
    EXPECT_EQ(whole, expected);
  });
}

TYPED_TEST_P(communicator_conformance, AllGatherTakesTheShardInItsPlace) {
  this->world.run([](communicator& ranks) {
    const std::size_t n = TestFixture::shard_elements;
    std::vector<std::uint32_t> whole(n * ranks.size());
    const auto first = whole.begin() + static_cast<std::ptrdiff_t>(ranks.self().value * n);
    std::fill_n(first, n, ranks.self().value + 1);
    const std::size_t own = n * sizeof(std::uint32_t);
    const auto shard = writable(whole).subspan(ranks.self().value * own, own);
    ASSERT_TRUE(ranks.all_gather(shard, writable(whole), tag(1), {}));
    for (std::size_t i = 0; i < whole.size(); ++i) {
      ASSERT_EQ(whole[i], i / n + 1) << "element " << i;
    }
  });
}

TYPED_TEST_P(communicator_conformance, AllGatherSumsKeepsIndexOrder) {
  this->world.run([](communicator& ranks) {
    const std::vector<double> own{ranks.self().value + 0.25, ranks.self().value + 0.5};
    std::vector<double> all(2 * ranks.size());
    ASSERT_TRUE(ranks.all_gather_sums(own, all, tag(1)));
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      EXPECT_EQ(all[2 * r], static_cast<double>(r) + 0.25);
      EXPECT_EQ(all[2 * r + 1], static_cast<double>(r) + 0.5);
    }
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
    EXPECT_TRUE(ranks.reduce_scatter({}, {}, dtype::f32, tag(1), {}));
    EXPECT_TRUE(ranks.all_gather({}, {}, tag(2), {}));
    EXPECT_TRUE(ranks.all_gather_sums({}, {}, tag(3)));
  });
}

REGISTER_TYPED_TEST_SUITE_P(communicator_conformance, KnowsItsPlace,
                            ReduceScatterLeavesThisRanksShardOfTheSum,
                            ReduceScatterTakesTheShardInItsPlace, ReduceScatterSumsBf16,
                            AllGatherPutsEveryShardInItsPlace, AllGatherTakesTheShardInItsPlace,
                            AllGatherSumsKeepsIndexOrder, AnyIsTrueEverywhereWhenTrueSomewhere,
                            NothingIsMovedForEmptyShards);

}  // namespace ballast::conformance
