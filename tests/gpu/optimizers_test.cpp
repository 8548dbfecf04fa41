// One step of one element against its formula in long double, for every optimizer and both
// precisions of the variance.
#include <ballast/arithmetic/optimizers.hpp>
#include <ballast/optimizer.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ballast::arithmetic {
namespace {

struct exact_element {
  long double weight;
  long double momentum;
  long double variance;
  long double root;
};

using wide = long double;

exact_element exact_step(const adamw_scalars& s, const element& at, wide g) {
  const wide m = s.beta1 * wide{at.momentum} + s.momentum_gain * g;
  const wide v = s.beta2 * wide{at.variance} + s.root_gain * g * (s.root_gain * g);
  const wide root = std::sqrt(v);
  return {at.weight - (s.step_size * (m / (root + s.epsilon)) + s.decay_rate * wide{at.weight}), m,
          v, root};
}

exact_element exact_step(const adam_scalars& s, const element& at, wide g) {
  const wide e = s.scale * g + s.weight_decay * wide{at.weight};
  const wide m = s.beta1 * wide{at.momentum} + s.momentum_gain * e;
  const wide v = s.beta2 * wide{at.variance} + s.root_gain * e * (s.root_gain * e);
  const wide root = std::sqrt(v);
  return {at.weight - s.step_size * (m / (root + s.epsilon)), m, v, root};
}

exact_element exact_step(const sgd_scalars& s, const element& at, wide g) {
  const wide e = s.scale * g + s.weight_decay * wide{at.weight};
  const wide m = s.momentum * wide{at.momentum} + e;
  const wide direction = s.gradient_share * e + s.momentum_share * m;
  return {at.weight - s.learning_rate * direction, m, at.variance, 0};
}

/// How far `found` is from `exact`, in units of the last place of a float of the size of `scale`.
double ulps(float found, wide exact, wide scale) {
  const auto unit = static_cast<wide>(
      std::nextafter(std::abs(static_cast<float>(scale)), std::numeric_limits<float>::infinity()) -
      std::abs(static_cast<float>(scale)));
  return static_cast<double>(std::abs(found - exact) / unit);
}

struct bounds {
  double momentum;
  double variance;
  double change;
};

template <class Number, class Options>
void expect_near(const Options& options, bounds within) {
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal(0, 0.02F);
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    const auto scalars = make_scalars(options, 1e-3, i % 1000 + 1, 0.5);
    const element before{normal(random), normal(random), std::abs(normal(random)) * 1e-2F};
    const float gradient = normal(random);
    const stepped_element found = step<Number>(scalars, before, gradient);
    const exact_element exact = exact_step(scalars, before, gradient);
    // Sums may cancel: the unit is that of the larger term.
    const wide scale = std::abs(wide{before.momentum}) + std::abs(wide{gradient});
    ASSERT_LE(ulps(found.state.momentum, exact.momentum, std::max(scale, std::abs(exact.momentum))),
              within.momentum);
    ASSERT_LE(ulps(found.state.variance, exact.variance, exact.variance), within.variance);
    const wide change = exact.weight - before.weight;
    const wide unit = std::max(std::abs(exact.weight), std::abs(change));
    ASSERT_LE(ulps(found.state.weight, exact.weight, unit), within.change) << i;
    if (found.root != 0) {
      ASSERT_LE(ulps(found.root, exact.root, exact.root), within.variance + 0.6);
    }
  }
}

TEST(GpuOptimizers, VarianceInDoubleRoundsOnce) {
  constexpr bounds within{.momentum = 2, .variance = 0.5001, .change = 4};
  // Adam's gradient was rounded once before, with its decay.
  constexpr bounds decayed{.momentum = 2, .variance = 1.6, .change = 4};
  expect_near<double>(adamw_options{}, within);
  expect_near<double>(adam_options{.weight_decay = 0.01}, decayed);
  expect_near<double>(sgd_options{.weight_decay = 0.01}, within);
  expect_near<double>(sgd_options{.nesterov = true}, within);
}

TEST(GpuOptimizers, VarianceInFloatIsAFewUnitsOff) {
  constexpr bounds within{.momentum = 2, .variance = 4, .change = 8};
  expect_near<float>(adamw_options{}, within);
  expect_near<float>(adam_options{.weight_decay = 0.01}, within);
  expect_near<float>(sgd_options{.weight_decay = 0.01}, within);
  expect_near<float>(sgd_options{.nesterov = true}, within);
}

template <class Number, class Options>
void expect_one_nan(const Options& options) {
  const auto scalars = make_scalars(options, 1e-3, 1, 1.0);
  const stepped_element after = step<Number>(scalars, {1, 0, 0}, float_of(0xFFA12345u));
  EXPECT_EQ(bits_of(after.state.weight), canonical_nan_bits);
  EXPECT_EQ(bits_of(after.state.momentum), canonical_nan_bits);
}

TEST(GpuOptimizers, EveryNaNIsTheOne) {
  expect_one_nan<double>(adamw_options{});
  expect_one_nan<float>(adam_options{});
  expect_one_nan<double>(sgd_options{});
  const auto scalars = make_scalars(adamw_options{}, 1e-3, 1, 1.0);
  const stepped_element rooted = step<double>(scalars, {1, 0, -1}, 0);
  EXPECT_EQ(bits_of(rooted.root), canonical_nan_bits) << "a negative variance has no root";
}

}  // namespace
}  // namespace ballast::arithmetic
