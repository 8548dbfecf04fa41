// The separate passes do what the reference does, with every tail.
#include "tools/bench/pass_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ballast/arithmetic/narrow_floats.hpp>
#include <cstring>
#include <vector>

#include "cpu/huge_page_region.hpp"
#include "cpu/reference.hpp"

namespace ballast::tools {
namespace {

std::vector<const pass_table*> tables() {
  std::vector<const pass_table*> found{&sse2_passes};
  if (__builtin_cpu_supports("avx512f") != 0) found.push_back(&avx512_passes);
  return found;
}

/// Aligned arrays whose ends are guarded by poison.
class PassTable : public testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::size_t most = 20'000;

  void SetUp() override {
    region = std::move(cpu::make_huge_page_region({std::uint64_t{2} << 20}).value());
    std::ranges::fill(region->span(), std::byte{0xA5});
    narrow = region->span().data();
    wide = reinterpret_cast<float*>(region->span().data() + (std::size_t{1} << 20));
    std::uint32_t bits = 5;
    for (std::size_t i = 0; i < most; ++i) {
      bits = bits * 1664525u + 1013904223u;
      const float value = (static_cast<float>(bits >> 8) * 0x1p-23f - 1.0f) * 3.0f;
      values.push_back(arithmetic::float_of(arithmetic::bits_of(value)));
    }
  }

  void put_narrow(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint16_t half = arithmetic::round_to_bf16(values[i]);
      std::memcpy(narrow + 2 * i, &half, sizeof half);
    }
  }

  std::unique_ptr<memory_region> region;
  std::byte* narrow = nullptr;
  float* wide = nullptr;
  std::vector<float> values;
};

TEST_P(PassTable, WidensEveryElementAndNoMore) {
  const std::size_t count = GetParam();
  put_narrow(count);
  for (const pass_table* const table : tables()) {
    std::memset(wide, 0xA5, 4 * (count + 1));
    table->widen(narrow, wide, count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(wide[i], arithmetic::widen_bf16(arithmetic::round_to_bf16(values[i])));
    }
    EXPECT_EQ(arithmetic::bits_of(wide[count]), 0xA5A5A5A5u);
  }
}

TEST_P(PassTable, ScalesEveryElementAndNoMore) {
  const std::size_t count = GetParam();
  for (const pass_table* const table : tables()) {
    std::ranges::copy(values, wide);
    table->scale(wide, 0.5f, count);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(wide[i], values[i] * 0.5f);
    EXPECT_EQ(wide[count], values[count]);
  }
}

TEST_P(PassTable, RoundsToNearestTiesAway) {
  const std::size_t count = GetParam();
  std::ranges::copy(values, wide);
  for (const float tie : {1.00390625f, -1.00390625f, 0.0f, -0.0f, 0x1p-149f}) {
    if (count > 0) wide[count - 1] = tie;
    for (const pass_table* const table : tables()) {
      std::memset(narrow, 0xA5, 2 * (count + 1));
      table->round(wide, narrow, count);
      for (std::size_t i = 0; i <= count; ++i) {
        std::uint16_t half;
        std::memcpy(&half, narrow + 2 * i, sizeof half);
        ASSERT_EQ(half, i == count ? 0xA5A5 : arithmetic::round_to_bf16(wide[i])) << i;
      }
    }
  }
}

TEST_P(PassTable, BlockSumsAreTheReferences) {
  const std::size_t count = GetParam();
  put_narrow(count);
  std::vector<std::byte> encoded(2 * count);
  const std::size_t blocks = (count + 4095) / 4096;
  std::vector<double> expected(blocks);
  std::vector<double> sums(blocks + 1, -1.0);
  std::uint32_t findings = found_nothing;
  cpu::reference::encode_gradient({values.data(), count}, dtype::bf16, encoded.data(), expected,
                                  findings);
  for (const pass_table* const table : tables()) {
    table->block_sums(narrow, sums.data(), count);
    EXPECT_TRUE(std::ranges::equal(expected, std::span(sums).first(blocks)));
    EXPECT_EQ(sums.back(), -1.0);
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, PassTable,
                         testing::Values(0, 1, 15, 16, 31, 32, 33, 4095, 4096, 4097, 8192, 16384,
                                         16384 + 117));

}  // namespace
}  // namespace ballast::tools
