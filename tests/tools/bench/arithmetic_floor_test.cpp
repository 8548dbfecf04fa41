// Root and quotient are those of the plain expression in every instruction set, and what is not is
// never timed.
#include "tools/bench/arithmetic_floor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>

#include "cpu/instruction_sets.hpp"
#include "tools/bench/memory_traffic.hpp"

namespace ballast::tools {
namespace {

constexpr std::size_t count = 160;

struct alignas(64) arrays_under_test {
  std::array<float, count> m, v, to;

  arrays_under_test() {
    to.fill(-1.0f);
    for (std::size_t i = 0; i < count; ++i) {
      m[i] = 40.3f - static_cast<float>(i);
      v[i] = 0.01f * static_cast<float>(i) + 0.003f;
    }
  }
};

class RootAndQuotient : public testing::TestWithParam<std::size_t> {};

TEST_P(RootAndQuotient, EveryLineIsDividedAndNothingBehindIt) {
  const std::size_t divided = GetParam();
  for (const traffic_table* const set : traffic_tables()) {
    SCOPED_TRACE(set->vector_bytes);
    arrays_under_test on;
    set->root_and_quotient(reinterpret_cast<std::byte*>(on.to.data()),
                           reinterpret_cast<const std::byte*>(on.m.data()),
                           reinterpret_cast<const std::byte*>(on.v.data()), 4 * divided);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(on.to[i], i < divided ? on.m[i] / (std::sqrt(on.v[i]) + floor_epsilon) : -1.0f)
          << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, RootAndQuotient, testing::Values(0, 16, 32, 48, 144));

std::atomic<std::byte*> first_seen;

/// A loop that does the right thing and then spoils one bit: of the thread that came first, or of
/// the others.
template <bool OfTheFirst>
void spoil(std::byte* to, const std::byte* m, const std::byte* v, std::size_t size) {
  std::byte* none = nullptr;
  first_seen.compare_exchange_strong(none, to);
  sse2_traffic.root_and_quotient(to, m, v, size);
  if ((first_seen == to) == OfTheFirst) to[size - 4] ^= std::byte{1};
}

TEST(ArithmeticFloor, AWrongBitOfAnyThreadIsNotTimed) {
  thread_team team(2);
  for (const auto loop : {spoil<true>, spoil<false>}) {
    first_seen = nullptr;
    traffic_table wrong = sse2_traffic;
    wrong.root_and_quotient = loop;
    const auto found = find_floor(wrong, team, 1);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, errc::failed_task);
    EXPECT_THAT(found.error().message, testing::HasSubstr("16 B vectors: element 1023 is "));
  }
}

TEST(ArithmeticFloor, ALoopThatWritesNothingIsNotTimed) {
  traffic_table idle = sse2_traffic;
  idle.root_and_quotient = [](std::byte*, const std::byte*, const std::byte*, std::size_t) {};
  thread_team team(1);
  EXPECT_FALSE(find_floor(idle, team, 1));
}

TEST(ArithmeticFloor, EachInstructionSetAndNumberOfThreadsHasOne) {
  const std::vector<instruction_set> sets = cpu::supported_instruction_sets();
  const auto found = find_floors(sets, std::array{1u, 3u, 1u}, 2);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->size(), 2 * sets.size());
  for (const instruction_set isa : sets) {
    EXPECT_GT(found->at({isa, 1}), 0.0);
    EXPECT_GT(found->at({isa, 3}), 0.0);
  }
}

}  // namespace
}  // namespace ballast::tools
