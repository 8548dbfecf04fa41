// Every instruction set sums the same bits: the order of ranks, one rounding, one NaN.
#include "comm/ordered_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/conformance/collective_values.hpp"

namespace ballast::comm {
namespace {

using conformance::rank_values;
using conformance::unwritten;
using conformance::values;
using conformance::wrong_sums;

struct instruction_loops {
  std::string name;
  const sum_loops* loops;
};

std::vector<instruction_loops> loops_of_this_machine() {
  std::vector<instruction_loops> made{{"sse2", &sse2_sums}};
  if (__builtin_cpu_supports("avx2") != 0) made.push_back({"avx2", &avx2_sums});
  if (__builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512bw") != 0) {
    made.push_back({"avx512", &avx512_sums});
  }
  return made;
}

TEST(OrderedSum, IsTheSameInEveryInstructionSet) {
  for (const auto& [name, loops] : loops_of_this_machine()) {
    for (const dtype type : {dtype::f32, dtype::bf16, dtype::f16}) {
      for (const values drawn : {values::moderate, values::any_bits}) {
        for (const std::uint32_t ranks : {2u, 3u, 5u}) {
          for (const std::uint64_t count : {1u, 63u, 1024u, 70'001u}) {
            std::vector<std::vector<std::byte>> brought;
            std::vector<const std::byte*> sources;
            for (std::uint32_t r = 0; r < ranks; ++r) {
              brought.push_back(rank_values({r}, type, {count}, drawn));
              sources.push_back(brought.back().data());
            }
            std::vector<std::byte> sums(size_of(type).value * count + 1, unwritten);
            loops->of_type[static_cast<std::size_t>(type)](sums.data(), sources.data(), ranks,
                                                           count);
            EXPECT_EQ(sums.back(), unwritten);
            sums.pop_back();
            ASSERT_EQ(wrong_sums(sums, {{0}, {count}}, type, ranks, drawn), 0u)
                << name << ", " << to_string(type) << ", " << ranks << " ranks, " << count;
          }
        }
      }
    }
  }
}

TEST(OrderedSum, MayReplaceOneOfItsSources) {
  for (std::uint32_t replaced = 0; replaced < 3; ++replaced) {
    std::vector<std::vector<std::byte>> brought;
    std::vector<const std::byte*> sources;
    for (std::uint32_t r = 0; r < 3; ++r) {
      brought.push_back(rank_values({r}, dtype::bf16, {5000}, values::moderate));
      sources.push_back(brought.back().data());
    }
    ordered_sum(brought[replaced], sources, dtype::bf16);
    EXPECT_EQ(wrong_sums(brought[replaced], {{0}, {5000}}, dtype::bf16, 3, values::moderate), 0u);
  }
}

// (big + small) + small loses both; big + (small + small) would not.
TEST(OrderedSum, AddsInAscendingOrder) {
  const float big = 0x1p24f;
  const float small = 1.0f;
  const std::byte* const sources[] = {reinterpret_cast<const std::byte*>(&big),
                                      reinterpret_cast<const std::byte*>(&small),
                                      reinterpret_cast<const std::byte*>(&small)};
  float sum = 0;
  ordered_sum(std::as_writable_bytes(std::span(&sum, 1)), sources, dtype::f32);
  EXPECT_EQ(sum, 0x1p24f);
}

TEST(OrderedSum, OfOneIsWhatItIs) {
  const std::uint16_t signalling = 0x7F81;
  std::uint16_t sum = 0;
  const auto* const source = reinterpret_cast<const std::byte*>(&signalling);
  ordered_sum(std::as_writable_bytes(std::span(&sum, 1)), {&source, 1}, dtype::bf16);
  EXPECT_EQ(sum, signalling);
}

}  // namespace
}  // namespace ballast::comm
