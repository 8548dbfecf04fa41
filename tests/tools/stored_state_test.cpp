// State by value in every encoding: what reading returns of what was written, how many bytes a step
// moves, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ballast/engine.hpp>
#include <cmath>

#include "tests/nvme/test_folder.hpp"
#include "tools/trainer/counter_random.hpp"

namespace ballast::tools {
namespace {

using testing::HasSubstr;

constexpr encoding encodings[] = {encoding::fp32, encoding::exact, encoding::fp16, encoding::bf16,
                                  encoding::int8};

/// One layer with one parameter, sealed on disk.
struct one_parameter {
  one_parameter(encoding stored, const optimizer_options& with, std::uint64_t count,
                float initial = 0)
      : held(declaration(stored, with, count, initial), make_backends()) {
    sealed = held.seal({.nvme = {{folder.path()}},
                        .placement = forced_placement{0, 0},
                        .tile_elements = block_elements * 16});
  }

  static model declaration(encoding stored, const optimizer_options& with, std::uint64_t count,
                           float initial) {
    model declared(with);
    declared.add_parameter(declared.add_layer("layer"), "p", {count},
                           {.stored = stored, .init = [=](element_range, std::span<float> values) {
                              std::ranges::fill(values, initial);
                            }});
    return declared;
  }
  /// A step in which every gradient is `value`.
  result<step_report> step(double rate, float value = 1) {
    auto gradient = held.gradient_buffer({0});
    if (!gradient) return gradient.error();
    std::ranges::fill(gradient->gradient({0}), value);
    if (status pushed = held.push_gradients(*std::move(gradient), true); !pushed) {
      return pushed.error();
    }
    return held.step({.learning_rate = rate});
  }
  std::vector<float> written(state_part part, std::vector<float> values) {
    const status wrote = held.write({0}, part, {0}, values);
    EXPECT_TRUE(wrote) << wrote.error().message;
    const status read = held.read({0}, part, {0}, values);
    EXPECT_TRUE(read) << read.error().message;
    return values;
  }

  nvme::testing::test_folder folder;
  engine held;
  result<plan> sealed = plan{};
};

/// Sizes from 1e-9 to 1, the signs going round unless all are to be positive.
std::vector<float> spread(std::size_t count, bool positive) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float size = static_cast<float>(std::pow(10.0, -9 * random_uniform(5, i)));
    values[i] = positive || i % 3 != 0 ? size : -size;
  }
  return values;
}

class EachStored : public testing::TestWithParam<encoding> {};
INSTANTIATE_TEST_SUITE_P(Encodings, EachStored, testing::ValuesIn(encodings),
                         [](const auto& of) { return std::string(to_string(of.param)); });

TEST_P(EachStored, ReadsTheMomentsThatWereWritten) {
  one_parameter one(GetParam(), adamw_options{}, 70000);
  ASSERT_TRUE(one.sealed) << one.sealed.error().message;
  for (const state_part part : {state_part::momentum, state_part::variance}) {
    const bool is_root = part == state_part::variance;
    const std::vector<float> before = spread(70000, is_root);
    const std::vector<float> after = one.written(part, before);
    if (GetParam() == encoding::bf16) {
      for (std::size_t i = 0; i < before.size(); ++i) {
        ASSERT_LE(std::fabs(after[i] - before[i]), 0x1p-8f * std::fabs(before[i])) << i;
      }
    } else if (GetParam() == encoding::int8) {
      // Half a code of the group's largest; a root keeps at least code 1.
      for (std::size_t first = 0; first < before.size(); first += 128) {
        const std::size_t end = std::min(first + 128, before.size());
        float largest = 0;
        for (std::size_t i = first; i < end; ++i) {
          largest = std::max(largest, is_root ? std::sqrt(before[i]) : std::fabs(before[i]));
        }
        for (std::size_t i = first; i < end; ++i) {
          const float code = largest / (is_root ? 255 : 127);
          const float error = is_root ? std::fabs(std::sqrt(after[i]) - std::sqrt(before[i]))
                                      : std::fabs(after[i] - before[i]);
          const bool least = is_root && std::sqrt(before[i]) < code / 2;
          ASSERT_LE(error, (least ? 1.0f : 0.5f) * code * 1.001f) << i;
        }
      }
    } else {
      EXPECT_EQ(after, before);
    }
    EXPECT_EQ(one.written(part, after), after) << "what was read is written without a loss";
  }
}

TEST_P(EachStored, ReadsTheMasterThatWasWritten) {
  one_parameter one(GetParam(), sgd_options{}, 5000);
  ASSERT_TRUE(one.sealed) << one.sealed.error().message;
  const std::vector<float> before = spread(5000, false);
  const std::vector<float> after = one.written(state_part::master, before);
  if (GetParam() == encoding::int8) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_LE(std::fabs(after[i] - before[i]), 0x1p-16f * std::fabs(before[i])) << i;
    }
  } else {
    EXPECT_EQ(after, before);
  }
}

/// Two parameters in one int8 layer after 6 steps; a's moments are written, b's are returned.
std::vector<float> neighbour_after_a_write(elements tile, std::uint64_t seed) {
  model declared;
  const layer_id layer = declared.add_layer("layer");
  declared.add_parameter(layer, "a", {100}, {.stored = encoding::int8});
  declared.add_parameter(layer, "b", {16000}, {.stored = encoding::int8});
  engine held(std::move(declared), make_backends());
  EXPECT_TRUE(held.seal({.tile_elements = tile, .noise_seed = seed}));
  for (std::uint64_t step = 0; step < 6; ++step) {
    auto gradient = held.gradient_buffer(layer);
    for (const parameter_id which : {parameter_id{0}, parameter_id{1}}) {
      const std::span<float> values = gradient->gradient(which);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = 0.01f * random_normal(step * 2 + which.value, i);
      }
    }
    EXPECT_TRUE(held.push_gradients(*std::move(gradient), true));
    EXPECT_TRUE(held.step({.learning_rate = 1e-3}));
  }
  std::vector<float> b;
  for (const state_part part : {state_part::momentum, state_part::variance}) {
    std::vector<float> before(16000);
    std::vector<float> after(16000);
    EXPECT_TRUE(held.read({1}, part, {0}, before));
    EXPECT_TRUE(held.write({0}, part, {0}, spread(100, true)));
    EXPECT_TRUE(held.read({1}, part, {0}, after));
    EXPECT_EQ(before, after) << "tiles of " << tile.value << ", seed " << seed;
    b.insert(b.end(), after.begin(), after.end());
  }
  return b;
}

// A slice is cut from the tile: if writing touched all of it, the tile size would change results.
TEST(StoredState, WritesMomentsOfOneParameterOnly) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(neighbour_after_a_write({4096}, seed),
              neighbour_after_a_write({std::uint64_t{1} << 20}, seed));
  }
}

/// README, State encodings: bytes a parameter that NVMe reads and writes in a step.
TEST(StoredState, MovesTheBytesOfTheTable) {
  const struct {
    encoding stored;
    double adamw, sgd;
  } table[] = {{encoding::fp32, 16, 8},
               {encoding::exact, 20, 12},
               {encoding::fp16, 24, 16},
               {encoding::bf16, 12, 8},
               {encoding::int8, 6.125, 4.0625}};
  constexpr std::uint64_t count = 1u << 20;
  for (const auto& [stored, with_adamw, with_sgd] : table) {
    for (const bool adamw : {true, false}) {
      one_parameter one(stored, adamw ? optimizer_options(adamw_options{}) : sgd_options{}, count);
      ASSERT_TRUE(one.sealed) << one.sealed.error().message;
      const auto report = one.step(1e-3);
      ASSERT_TRUE(report) << report.error().message;
      const double expected = adamw ? with_adamw : with_sgd;
      const bytes moved = report->moved[hop::read] + report->moved[hop::write];
      EXPECT_EQ(moved, one.sealed->nvme_step);
      EXPECT_EQ(report->moved[hop::read], report->moved[hop::write]);
      const double padding = 2.0 * 4096 * one.sealed->tiles[3] / count;
      const double a_parameter = static_cast<double>(moved.value) / count;
      EXPECT_GE(a_parameter, expected) << to_string(stored);
      EXPECT_LE(a_parameter, expected + padding) << to_string(stored);
    }
  }
}

TEST(StoredState, RefusesAVarianceThatSgdDoesNotKeep) {
  one_parameter one(encoding::int8, sgd_options{}, 1000);
  ASSERT_TRUE(one.sealed);
  std::vector<float> values(1000, 1.0f);
  const status written = one.held.write({0}, state_part::variance, {0}, values);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, errc::invalid_argument);
  EXPECT_EQ(written.error().message, "\"p\" has no variance: sgd keeps none");
  ASSERT_TRUE(one.held.read({0}, state_part::variance, {0}, values));
  EXPECT_THAT(values, testing::Each(0.0f));
  EXPECT_TRUE(one.step(1e-3)) << "a refused write changes nothing";
}

TEST(StoredState, RefusesALayerOfTwoOptimizers) {
  model declared(adamw_options{});
  const group_id other = declared.add_group(sgd_options{});
  const layer_id layer = declared.add_layer("both");
  declared.add_parameter(layer, "a", {100}, {.stored = encoding::bf16});
  declared.add_parameter(layer, "b", {100}, {.stored = encoding::bf16, .group = other});
  engine refused(declared, make_backends());
  const auto sealed = refused.seal({});
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, errc::unsupported);
  EXPECT_EQ(sealed.error().message,
            "layer \"both\" mixes optimizers adamw and sgd; give a layer one optimizer");
}

/// 65520 is the least number that rounds to infinity in f16.
TEST(StoredState, NamesAMasterWithoutAFiniteF16Weight) {
  one_parameter initially(encoding::fp16, sgd_options{}, 1000, 65520.0f);
  ASSERT_FALSE(initially.sealed);
  EXPECT_EQ(initially.sealed.error().code, errc::weight_overflow);
  one_parameter later(encoding::fp16, sgd_options{}, 1000, 65519.0f);
  ASSERT_TRUE(later.sealed) << later.sealed.error().message;
  EXPECT_TRUE(later.step(0.5));
  const auto report = later.step(1, -100);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, errc::weight_overflow);
  EXPECT_THAT(report.error().message, HasSubstr("no finite weight"));
  EXPECT_EQ(later.held.step({}).error().code, errc::weight_overflow);
}

}  // namespace
}  // namespace ballast::tools
