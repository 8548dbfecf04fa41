// How far is the update from AdamW as torch.optim.AdamW defines it, in long double? PyTorch itself:
// torch_optimizers_test.cpp.
//
// The scalar reference is measured; the kernels equal it bit for bit (adamw_identity_test.cpp).
#include <gtest/gtest.h>

#include <algorithm>
#include <ballast/arithmetic/optimizers.hpp>
#include <ballast/arithmetic/split_master.hpp>
#include <bit>
#include <cmath>
#include <cpu/reference.hpp>
#include <cstdint>
#include <random>
#include <vector>

namespace ballast {
namespace {

using arithmetic::element;
using real = long double;

constexpr double learning_rate = 1e-3;

/// The distance between neighbouring floats at `value`.
real ulp(real value) {
  const auto size = static_cast<float>(std::fabs(value));
  if (size < 1.17549435e-38f) return std::ldexp(1.0L, -149);
  return std::ldexp(1.0L, std::ilogb(size) - 23);
}

struct precise_element {
  real weight, momentum, variance;
};

/// One step as torch.optim.AdamW documents it, from the user's hyperparameters.
precise_element precise_adamw(const adamw_options& options, std::uint64_t step,
                              precise_element before, real g) {
  const real beta1 = options.beta1;
  const real beta2 = options.beta2;
  const real m = beta1 * before.momentum + (1 - beta1) * g;
  const real v = beta2 * before.variance + (1 - beta2) * g * g;
  const auto t = static_cast<real>(step);
  const real decayed = before.weight * (1 - real{learning_rate} * real{options.weight_decay});
  const real denominator = std::sqrt(v) / std::sqrt(1 - std::pow(beta2, t)) + options.epsilon;
  return {decayed - real{learning_rate} / (1 - std::pow(beta1, t)) * m / denominator, m, v};
}

struct one_step_error {
  real m = 0, v = 0;  ///< in ULP of the larger addend
  real update = 0;    ///< in ULP of the update, after half an ULP of the weight
};

/// The worst errors of one step from `count` random states.
one_step_error worst_one_step(int count, const adamw_options& options) {
  std::mt19937 random(17);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> exponent(-6, 2);
  std::uniform_int_distribution<std::uint64_t> steps(1, 20'000);
  one_step_error worst;
  for (int i = 0; i < count; ++i) {
    const float size = std::pow(10.0f, exponent(random));
    const element before = {0.02f * normal(random), size * normal(random),
                            size * size * std::fabs(normal(random))};
    const float g = size * normal(random);
    const std::uint64_t step = steps(random);
    const element after =
        arithmetic::step<double>(make_scalars(options, learning_rate, step, 1.0), before, g).state;
    const precise_element exact =
        precise_adamw(options, step, {before.weight, before.momentum, before.variance}, g);

    const auto larger = [](real a, real b) { return ulp(std::max(std::fabs(a), std::fabs(b))); };
    const real b1 = options.beta1;
    const real b2 = options.beta2;
    worst.m = std::max(worst.m, std::fabs(after.momentum - exact.momentum) /
                                    larger(b1 * before.momentum, (1 - b1) * g));
    worst.v = std::max(worst.v, std::fabs(after.variance - exact.variance) /
                                    larger(b2 * before.variance, (1 - b2) * g * g));

    // The update from the moments as stored: where they cancelled, their own bound above is what
    // counts.
    const auto t = static_cast<real>(step);
    const real denominator =
        std::sqrt(real{after.variance}) / std::sqrt(1 - std::pow(b2, t)) + options.epsilon;
    const real adam = real{learning_rate} / (1 - std::pow(b1, t)) * after.momentum / denominator;
    const real decay = real{learning_rate} * real{options.weight_decay} * before.weight;
    const real error = std::fabs(after.weight - (real{before.weight} - (adam + decay)));
    const real beyond_weight = error - ulp(after.weight) / 2;
    worst.update = std::max(worst.update, beyond_weight / larger(adam, decay));
  }
  return worst;
}

TEST(adamw_accuracy, one_step_is_within_a_few_ulp_of_long_double) {
  for (const adamw_options& options :
       {adamw_options{}, adamw_options{.beta2 = 0.95, .weight_decay = 0.1},
        adamw_options{.beta1 = 0.8, .beta2 = 0.9999, .epsilon = 1e-6, .weight_decay = 0}}) {
    const one_step_error worst = worst_one_step(200'000, options);
    EXPECT_LE(worst.m, 2);
    EXPECT_LE(worst.v, 2);
    EXPECT_LE(worst.update, 4);
    RecordProperty("m_ulp", std::to_string(worst.m));
    RecordProperty("v_ulp", std::to_string(worst.v));
    RecordProperty("update_ulp", std::to_string(worst.update));
  }
}

class adamw_1000_steps : public ::testing::TestWithParam<encoding> {};

TEST_P(adamw_1000_steps, stay_within_a_hundredth_of_the_learning_rate) {
  const encoding stored = GetParam();
  constexpr std::size_t count = 512;
  const adamw_options options = {.weight_decay = 0.1};
  std::mt19937 random(5);
  std::normal_distribution<float> normal;

  std::vector<float> master(count);
  for (float& value : master) value = 0.02f * normal(random);
  std::vector<std::byte> weights(4 * count), residual(4 * count), momentum(4 * count),
      variance(4 * count), gradient(4 * count);
  const state_view view = {.weights = weights.data(),
                           .residual = residual.data(),
                           .momentum = momentum.data(),
                           .variance = variance.data(),
                           .gradient = gradient.data(),
                           .count = {count}};
  std::uint32_t findings = 0;
  cpu::reference::encode_master(stored, master, view, findings);
  std::vector<precise_element> precise(count);
  for (std::size_t i = 0; i < count; ++i) precise[i] = {master[i], 0, 0};

  std::vector<float> g(count);
  std::vector<double> sums(1);
  const dtype type = compute_type(stored);
  for (std::uint64_t step = 1; step <= 1000; ++step) {
    for (std::size_t i = 0; i < count; ++i) {
      // From pure noise to a strong drift, in sizes from 1 to 2^-15.
      const float drift = static_cast<float>(i % 4) * 0.25f;
      g[i] = std::ldexp(drift + normal(random), -static_cast<int>(i % 16));
      if (type == dtype::bf16) {
        g[i] = arithmetic::widen_bf16(arithmetic::round_to_bf16(g[i]));
      }
      precise[i] = precise_adamw(options, step, precise[i], g[i]);
    }
    cpu::reference::encode_gradient(g, type, gradient.data(), sums, findings);
    cpu::reference::update({stored, type, make_scalars(options, learning_rate, step, 1.0)}, view,
                           findings);
  }
  cpu::reference::decode_master(stored, view, master);
  real worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    worst = std::max(worst, std::fabs(master[i] - precise[i].weight));
  }
  EXPECT_LE(worst, 0.01L * learning_rate);
  RecordProperty("worst_in_learning_rates", std::to_string(worst / learning_rate));
  EXPECT_EQ(findings, std::uint32_t{found_nothing});
}

INSTANTIATE_TEST_SUITE_P(encodings, adamw_1000_steps,
                         ::testing::Values(encoding::fp32, encoding::exact),
                         [](const auto& param_info) {
                           return std::string(to_string(param_info.param));
                         });

}  // namespace
}  // namespace ballast
