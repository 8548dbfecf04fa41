// How far are 1000 steps of each optimizer from PyTorch's own?
//
// The element functions are measured; reference and kernels equal them bit for bit
// (update_identity_test.cpp).
#include <gtest/gtest.h>

#include <ballast/arithmetic/optimizers.hpp>
#include <ballast/optimizer.hpp>
#include <bit>
#include <cmath>
#include <functional>
#include <vector>

namespace ballast {
namespace {

#include "tests/cpu/torch_optimizers.inc"

using arithmetic::element;

constexpr std::uint32_t count = std::size(torch_initial);
constexpr double learning_rate = 1e-3;

/// A 32-bit integer hash (lowbias32), as torch_optimizers.py has it.
std::uint32_t mix(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  return x ^ (x >> 16);
}

using patterns = std::uint32_t[count];

struct torch_case {
  const char* name;
  optimizer_options options;
  std::vector<std::pair<std::uint32_t, const patterns*>> after;  ///< by step
};

const torch_case cases[] = {
    {"adamw",
     adamw_options{.weight_decay = 0.1},
     {{1, &torch_adamw_after_1},
      {10, &torch_adamw_after_10},
      {100, &torch_adamw_after_100},
      {1000, &torch_adamw_after_1000}}},
    {"adam",
     adam_options{.weight_decay = 0.1},
     {{1, &torch_adam_after_1},
      {10, &torch_adam_after_10},
      {100, &torch_adam_after_100},
      {1000, &torch_adam_after_1000}}},
    {"momentum",
     sgd_options{.momentum = 0.9, .weight_decay = 0.1},
     {{1, &torch_momentum_after_1},
      {10, &torch_momentum_after_10},
      {100, &torch_momentum_after_100},
      {1000, &torch_momentum_after_1000}}},
    {"nesterov",
     sgd_options{.momentum = 0.9, .nesterov = true, .weight_decay = 0.1},
     {{1, &torch_nesterov_after_1},
      {10, &torch_nesterov_after_10},
      {100, &torch_nesterov_after_100},
      {1000, &torch_nesterov_after_1000}}},
};

class torch_optimizers : public ::testing::TestWithParam<torch_case> {};

TEST_P(torch_optimizers, stay_within_a_hundredth_of_the_learning_rate) {
  const torch_case& of = GetParam();
  std::vector<element> state(count);
  for (std::size_t i = 0; i < count; ++i) state[i] = {std::bit_cast<float>(torch_initial[i]), 0, 0};
  const auto worst = [&](const patterns& expected) {
    float error = 0;
    for (std::size_t i = 0; i < count; ++i) {
      error = std::max(error, std::fabs(state[i].weight - std::bit_cast<float>(expected[i])));
    }
    return error;
  };
  constexpr auto limit = static_cast<float>(0.01 * learning_rate);
  for (std::uint32_t step = 1; step <= 1000; ++step) {
    const optimizer_scalars scalars = make_scalars(of.options, learning_rate, step, 1.0);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto draw = static_cast<float>(mix(i + count * step) >> 8);
      const float gradient = std::ldexp(std::ldexp(draw, -23) - 1.0f, -static_cast<int>(i % 16));
      state[i] = std::visit(
          [&](const auto& with) {
            return arithmetic::step<double>(with, state[i], gradient).state;
          },
          scalars);
    }
    for (const auto& [at, expected] : of.after) {
      if (at == step) {
        EXPECT_LE(worst(*expected), limit) << "step " << step;
      }
    }
  }
  EXPECT_GT(worst(torch_initial), 20 * limit) << "the weights have moved";
  RecordProperty("worst_in_learning_rates",
                 std::to_string(worst(*of.after.back().second) / learning_rate));
}

INSTANTIATE_TEST_SUITE_P(each, torch_optimizers, ::testing::ValuesIn(cases),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

// Only then one rounding (fma) and two give the same bits.
TEST(optimizers, have_exact_products_with_floats) {
  std::uint32_t draw = 1;
  for (const double beta2 : {0.999, 0.95, 0.9999, 0.5, 0.3}) {
    for (const double scale : {1.0, 1.0 / 3, 0.7e-12}) {
      const auto of = make_scalars(adamw_options{.beta2 = beta2}, learning_rate, 7, scale);
      for (int i = 0; i < 1000; ++i) {
        draw = mix(draw + 1);
        const double value = std::bit_cast<float>(0x3F800000u | (draw >> 9));
        EXPECT_EQ(std::fma(of.beta2, value, -(of.beta2 * value)), 0) << beta2;
        EXPECT_EQ(std::fma(of.root_gain, value, -(of.root_gain * value)), 0) << beta2;
      }
      EXPECT_NEAR(of.beta2 / beta2, 1, 0x1p-29);
    }
  }
}

// A scale of the gradient (clipping, a loss scale) gives what scaled gradients give.
TEST(optimizers, see_the_gradient_through_its_scale) {
  for (const torch_case& of : cases) {
    const element before{0.02f, 0.003f, 0.0004f};
    const auto stepped = [&](double scale, float gradient) {
      return std::visit(
          [&](const auto& with) { return arithmetic::step<double>(with, before, gradient).state; },
          make_scalars(of.options, learning_rate, 7, scale));
    };
    const element whole = stepped(1, 0.25f);
    const element scaled = stepped(0x1p-10, 0.25f * 0x1p10f);
    EXPECT_EQ(whole.weight, scaled.weight) << of.name;
    EXPECT_EQ(whole.momentum, scaled.momentum) << of.name;
    EXPECT_EQ(whole.variance, scaled.variance) << of.name;
  }
}

}  // namespace
}  // namespace ballast
