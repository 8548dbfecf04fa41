// Threads as ranks pass what every world must; and what one of them does wrong, all of them hear.
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/comm/thread_world.hpp"
#include "tests/conformance/communicator_conformance.hpp"

namespace ballast::comm {
namespace {

using conformance::layer_shards;
using conformance::rank_values;
using conformance::tag;
using conformance::values;
using conformance::wrong_sums;

/// What each of some ranks is told by `body(communicator&)`, by rank.
template <class Body>
std::vector<status> outcomes(std::uint32_t ranks, rank_limits limits, const Body& body) {
  std::vector<status> made(ranks);
  run_threads(ranks, limits, [&](std::unique_ptr<communicator> own) {
    const std::uint32_t self = own->self().value;
    made[self] = body(*own);
  });
  return made;
}

void expect_everywhere(std::span<const status> outcomes, errc code, std::string_view words) {
  for (const status& each : outcomes) {
    ASSERT_FALSE(each);
    EXPECT_EQ(each.error().code, code);
    EXPECT_NE(each.error().message.find(words), std::string::npos) << each.error().message;
    EXPECT_EQ(each.error().message, outcomes[0].error().message);
  }
}

TEST(ThreadRanks, AWorldHasARank) {
  EXPECT_EQ(make_thread_communicators(0).error().code, errc::invalid_argument);
}

TEST(ThreadRanks, AnotherSequenceIsEverybodysFailure) {
  const auto told = outcomes(4, {}, [](communicator& ranks) -> status {
    return ranks.barrier(tag(ranks.self().value == 2 ? 8 : 7));
  });
  expect_everywhere(told, errc::communicator_failure, "any of layer 7, sequence 8");
}

TEST(ThreadRanks, AnotherCollectiveIsEverybodysFailure) {
  const auto told = outcomes(3, {}, [](communicator& ranks) -> status {
    const auto shards = layer_shards(3, ranks.size());
    std::vector<std::byte> whole(3 * 4 * 4096);
    const auto shard = std::span(whole).subspan(ranks.self().value * 4 * 4096, 4 * 4096);
    return ranks.self().value == 1
               ? ranks.all_gather({shard, whole, shards, {4}}, tag(1)).wait()
               : ranks.reduce_scatter({whole, shard, shards, dtype::f32}, tag(1)).wait();
  });
  expect_everywhere(told, errc::communicator_failure, "all_gather of layer 7, sequence 1");
}

TEST(ThreadRanks, AnotherTypeIsEverybodysFailure) {
  const auto told = outcomes(2, {}, [](communicator& ranks) -> status {
    const auto shards = layer_shards(2, ranks.size());
    std::vector<std::byte> whole(2 * 2 * 4096);
    const auto shard = std::span(whole).subspan(ranks.self().value * 2 * 4096, 2 * 4096);
    const dtype type = ranks.self().value == 1 ? dtype::f16 : dtype::bf16;
    return ranks.reduce_scatter({whole, shard, shards, type}, tag(1)).wait();
  });
  expect_everywhere(told, errc::communicator_failure, "disagree");
}

TEST(ThreadRanks, AnotherOrderIsEverybodysFailure) {
  const auto told = outcomes(2, {}, [](communicator& ranks) -> status {
    const auto shards = layer_shards(2, ranks.size());
    std::vector<std::byte> whole(2 * 4 * 4096);
    const auto shard = std::span(whole).subspan(ranks.self().value * 4 * 4096, 4 * 4096);
    const bool ordered = ranks.self().value == 0;
    return ranks.reduce_scatter({whole, shard, shards, dtype::f32, ordered}, tag(1)).wait();
  });
  expect_everywhere(told, errc::communicator_failure, "reduce_scatter by the library of layer 7");
}

// Threads have no library.
TEST(ThreadRanks, SumsThatNeedNotBeOrderedAre) {
  run_threads(3, {}, [&](std::unique_ptr<communicator> own) {
    const auto shards = layer_shards(3, 3);
    const auto whole = rank_values(own->self(), dtype::bf16, {3 * 4096}, values::moderate);
    std::vector<std::byte> shard(2 * 4096);
    ASSERT_TRUE(own->reduce_scatter({whole, shard, shards, dtype::bf16, false}, tag(1)).wait());
    const element_range mine = shards[own->self().value];
    EXPECT_EQ(wrong_sums(shard, mine, dtype::bf16, 3, values::moderate), 0u);
  });
}

TEST(ThreadRanks, OtherShardsAreEverybodysFailure) {
  const auto told = outcomes(2, {}, [](communicator& ranks) -> status {
    const auto shards = layer_shards(ranks.self().value == 0 ? 2 : 4, ranks.size());
    std::vector<std::byte> whole(4 * 4 * 4096);
    const element_range own = shards[ranks.self().value];
    return ranks.all_gather({std::span(whole).first(own.count.value), whole, shards, {1}}, tag(1))
        .wait();
  });
  expect_everywhere(told, errc::communicator_failure, "disagree");
}

TEST(ThreadRanks, WhoAbortsIsNamedWithItsCause) {
  const auto told = outcomes(4, {}, [](communicator& ranks) -> status {
    if (ranks.self().value == 3) ranks.abort("no space left on /scratch");
    return ranks.barrier(tag(1));
  });
  expect_everywhere(told, errc::communicator_failure, "rank 3: no space left on /scratch");
}

TEST(ThreadRanks, TheFirstFailureIsFinal) {
  const auto told = outcomes(2, {}, [](communicator& ranks) -> status {
    if (ranks.self().value == 1) ranks.abort("the first");
    (void)ranks.barrier(tag(1));
    ranks.abort("a later one");
    const auto shards = layer_shards(1, ranks.size());
    std::vector<double> all(4096);
    const auto own = std::span(all).first(shards[ranks.self().value].count.value);
    return ranks.all_gather_sums(own, all, shards, tag(2));
  });
  expect_everywhere(told, errc::communicator_failure, "rank 1: the first");
}

TEST(ThreadRanks, WhoThrowsIsNamed) {
  std::vector<status> told(3);
  run_threads(3, {}, [&](std::unique_ptr<communicator> own) {
    try {
      const auto ranks = std::move(own);
      const std::uint32_t self = ranks->self().value;
      if (self == 2) throw std::runtime_error("anything");
      told[self] = ranks->barrier(tag(1));
    } catch (const std::runtime_error&) {
    }
  });
  expect_everywhere(std::span(told).first(2), errc::communicator_failure,
                    "rank 2: an exception has ended it");
}

TEST(ThreadRanks, WhoLeavesIsMissed) {
  std::vector<status> told(3);
  run_threads(3, {}, [&](std::unique_ptr<communicator> own) {
    const std::uint32_t self = own->self().value;
    if (self != 1) told[self] = own->barrier(tag(1));
  });
  for (const std::uint32_t other : {0u, 2u}) {
    ASSERT_FALSE(told[other]);
    EXPECT_EQ(told[other].error().code, errc::communicator_failure);
    EXPECT_NE(told[other].error().message.find("rank 1 has left"), std::string::npos);
  }
}

TEST(ThreadRanks, WhoIsDoneMayLeave) {
  for (int turn = 0; turn < 200; ++turn) {
    const auto told =
        outcomes(3, {}, [](communicator& ranks) -> status { return ranks.barrier(tag(1)); });
    for (const status& each : told) ASSERT_TRUE(each) << each.error().message;
  }
}

TEST(ThreadRanks, WhatIsUnderWayFailsWhenItsRankLeaves) {
  std::vector<std::uint32_t> whole(2 * 4096);
  const auto all = std::as_writable_bytes(std::span(whole));
  const auto shards = layer_shards(2, 2);
  auto made = make_thread_communicators(2);
  const auto begun = (*made)[0]->all_gather({all.first(4 * 4096), all, shards, {4}}, tag(1));
  (*made)[0].reset();
  const status outcome = begun.wait();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "rank 0: left with collectives under way");
  EXPECT_EQ((*made)[1]->barrier(tag(1)).error().message, outcome.error().message);
}

TEST(ThreadRanks, WhoComesTooLateIsNamed) {
  const auto told =
      outcomes(3, {.lateness = std::chrono::milliseconds(1500)}, [](communicator& ranks) -> status {
        if (ranks.self().value == 1) {
          std::this_thread::sleep_for(std::chrono::milliseconds(3000));
        }
        return ranks.barrier(tag(4));
      });
  expect_everywhere(told, errc::deadline_exceeded,
                    "rank 1 did not come to any of layer 7, sequence 4 within 1.5 s");
}

TEST(ThreadRanks, WhoIsLateButComesIsWaitedFor) {
  const auto told = outcomes(3, {}, [](communicator& ranks) -> status {
    if (ranks.self().value == 1) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return ranks.barrier(tag(4));
  });
  for (const status& each : told) EXPECT_TRUE(each);
}

// The memory of who has been told goes back at once; a peer that still read it would be seen by the
// sanitizers.
TEST(ThreadRanks, NobodyReadsTheMemoryOfARankThatHasBeenTold) {
  for (int turn = 0; turn < 50; ++turn) {
    (void)outcomes(3, {}, [&](communicator& ranks) -> status {
      const auto shards = layer_shards(300, ranks.size());
      const element_range own = shards[ranks.self().value];
      std::vector<std::byte> whole(300 * 4 * 4096);
      std::vector<std::byte> shard(own.count.value * 4);
      const auto begun = ranks.reduce_scatter({whole, shard, shards, dtype::f32}, tag(1));
      if (ranks.self().value == static_cast<std::uint32_t>(turn % 3)) {
        std::this_thread::sleep_for(std::chrono::microseconds(20 * turn));
        ranks.abort("enough");
      }
      return begun.wait();
    });
  }
}

TEST(ThreadRanks, SumsGoOnWhileTheCallerDoesSomethingElse) {
  run_threads(2, {}, [&](std::unique_ptr<communicator> own) {
    const auto shards = layer_shards(2, 2);
    std::vector<float> whole(2 * 4096, 1.0f);
    const auto all = std::as_writable_bytes(std::span(whole));
    const ticket sums = own->all_reduce(all, shards, dtype::f32, tag(1));
    while (!sums.poll()) std::this_thread::yield();
    EXPECT_EQ(whole[5000], 2.0f);
  });
}

}  // namespace
}  // namespace ballast::comm

namespace ballast::conformance {
using thread_worlds = ::testing::Types<comm::thread_world<1>, comm::thread_world<2>,
                                       comm::thread_world<3>, comm::thread_world<4>>;
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, communicator_conformance, thread_worlds);
}  // namespace ballast::conformance
