// The flat index: the worked example of layout.hpp, its invariants, and what it refuses.
#include "src/layout.hpp"

#include <gtest/gtest.h>

#include <ballast/rounding.hpp>

namespace ballast {
namespace {

model worked_example() {
  model declared;
  const layer_id a = declared.add_layer("a");
  const layer_id b = declared.add_layer("b");
  declared.add_parameter(a, "a.0", {50, 100}, {.stored = encoding::fp32});
  declared.add_parameter(a, "a.1", {300}, {.stored = encoding::fp32});
  declared.add_parameter(b, "b.0", {9000}, {.stored = encoding::fp32});
  return declared;
}

TEST(Layout, IsTheWorkedExample) {
  const model declared = worked_example();
  const auto rank0 = layout::make(declared, block_elements, {{0}, 2});
  const auto rank1 = layout::make(declared, block_elements, {{1}, 2});
  ASSERT_TRUE(rank0 && rank1);
  EXPECT_EQ(rank0->range_of({1}), (element_range{{5120}, {300}}));
  EXPECT_EQ(rank0->layers()[0].size, elements{8192});
  EXPECT_EQ(rank0->layers()[1].first_block, 2u);
  EXPECT_EQ(rank0->layers()[1].shards[0], (element_range{{0}, {8192}}));
  EXPECT_EQ(rank1->layers()[1].shards[1], (element_range{{8192}, {4096}}));
  ASSERT_EQ(rank0->tiles().size(), 3u);
  EXPECT_EQ(rank0->tiles()[2].range, (element_range{{4096}, {4096}}));
  EXPECT_EQ(rank0->blocks(), 5u);
}

TEST(Layout, TilesCoverEveryShardOnceWhateverTheirSize) {
  const model declared = worked_example();
  for (const std::uint64_t blocks : {1u, 2u, 3u, 100u}) {
    for (const std::uint32_t world : {1u, 2u, 3u, 7u}) {
      elements covered;
      for (std::uint32_t self = 0; self < world; ++self) {
        const auto made = layout::make(declared, block_elements * blocks, {{self}, world});
        ASSERT_TRUE(made);
        for (const tile& each : made->tiles()) {
          EXPECT_EQ(each.range.count.value % block_elements.value, 0u);
          EXPECT_LE(each.range.count, block_elements * blocks);
          covered += each.range.count;
        }
      }
      EXPECT_EQ(covered, elements{5 * 4096}) << blocks << " blocks, " << world << " ranks";
    }
  }
}

TEST(Layout, FreezingAParameterMovesNoIndex) {
  model declared;
  const layer_id a = declared.add_layer("a");
  declared.add_parameter(a, "frozen", {200}, {.stored = encoding::fp32, .trainable = false});
  declared.add_parameter(a, "free", {200}, {.stored = encoding::fp32});
  const auto made = layout::make(declared, block_elements);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->range_of({1}).begin, elements{256});
  ASSERT_EQ(made->layers()[0].segments.size(), 1u);
  EXPECT_EQ(made->layers()[0].segments[0].range, (element_range{{256}, {200}}));
}

TEST(Layout, PutsTiedParametersBehindTheLayer) {
  model declared = worked_example();
  declared.tie({0}, {1});
  const auto made = layout::make(declared, block_elements);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->layers()[0].shared);
  EXPECT_EQ(made->layers()[1].parameters.back().range, (element_range{{12288}, {5000}}));
  EXPECT_EQ(made->layers()[1].buffer, elements{12288 + 5120});
}

TEST(Layout, RefusesWhatItCannotPlace) {
  const auto code = [](const model& declared, elements tile) {
    const auto made = layout::make(declared, tile);
    return made ? std::optional<errc>() : made.error().code;
  };
  EXPECT_EQ(code(worked_example(), {1000}), errc::invalid_argument);
  EXPECT_EQ(code(model{}, block_elements), errc::invalid_argument);
  model empty_layer;
  empty_layer.add_layer("a");
  EXPECT_EQ(code(empty_layer, block_elements), errc::invalid_argument);
  model mixed = worked_example();
  mixed.add_parameter({0}, "a.2", {1}, {.stored = encoding::exact});
  EXPECT_EQ(code(mixed, block_elements), errc::unsupported);
  model optimizers = worked_example();
  const group_id descent = optimizers.add_group(sgd_options{});
  optimizers.add_parameter({0}, "a.2", {1}, {.stored = encoding::fp32, .group = descent});
  EXPECT_EQ(code(optimizers, block_elements), errc::unsupported);
  model twice = worked_example();
  twice.add_parameter({0}, "a.0", {1}, {.stored = encoding::fp32});
  EXPECT_EQ(code(twice, block_elements), errc::invalid_argument);
}

}  // namespace
}  // namespace ballast
