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
            for (const auto& sum : loops->of_type) {
              std::vector<std::byte> sums(size_of(type).value * (count + 1) + 1, unwritten);
              const auto target = std::span(sums).subspan(size_of(type).value);
              sum[static_cast<std::size_t>(type)](target.data(), sources.data(), ranks, count);
              EXPECT_EQ(sums.front(), unwritten);
              EXPECT_EQ(sums.back(), unwritten);
              ASSERT_EQ(
                  wrong_sums(target.first(target.size() - 1), {{0}, {count}}, type, ranks, drawn),
                  0u)
                  << name << ", " << to_string(type) << ", " << ranks << " ranks, " << count;
            }
          }
        }
      }
    }
  }
}

TEST(Copy, IsExactAtEveryAlignment) {
  const auto source = rank_values({0}, dtype::f32, {3000}, values::any_bits);
  for (const auto& [name, loops] : loops_of_this_machine()) {
    for (const copy_loop each : loops->copy) {
      for (const std::size_t skipped : {0u, 1u, 31u, 63u}) {
        for (const std::size_t size : {0u, 1u, 64u, 1023u, 9000u}) {
          std::vector<std::byte> target(size + skipped + 1, unwritten);
          each(target.data() + skipped, source.data() + 2 * skipped, size);
          EXPECT_TRUE(std::equal(target.begin() + static_cast<std::ptrdiff_t>(skipped),
                                 target.end() - 1,
                                 source.begin() + static_cast<std::ptrdiff_t>(2 * skipped)))
              << name << ", " << size << " bytes";
          EXPECT_EQ(target.back(), unwritten);
          EXPECT_TRUE(skipped == 0 || target[skipped - 1] == unwritten);
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
