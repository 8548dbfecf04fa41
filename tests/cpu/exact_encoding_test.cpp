// Is the exact encoding's split lossless, and the same on every instruction set? A dense sample
// here; all 2^32 patterns in exact_encoding_slow_test.cpp.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ballast/arithmetic/split_master.hpp>
#include <cmath>
#include <cpu/reference.hpp>
#include <cpu/update_backend.hpp>

#include "tests/cpu/each_instruction_set.hpp"
#include "tests/cpu/state_buffer.hpp"

namespace ballast {
namespace {

using arithmetic::join;
using arithmetic::split;
using arithmetic::split_master;

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }
float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }

RC_GTEST_PROP(exact_encoding, joins_what_it_split, (std::uint32_t bits)) {
  const float master = float_of(bits);
  RC_PRE(!std::isnan(master));
  RC_ASSERT(bits_of(join(split(master))) == bits);
}

RC_GTEST_PROP(exact_encoding, rounds_to_the_nearest_weight, (std::uint32_t bits)) {
  const float master = float_of(bits);
  RC_PRE(std::isfinite(master) && !arithmetic::overflows_weight(master));
  const std::uint16_t weight = split(master).weight;
  const double error = std::fabs(double{arithmetic::widen_bf16(weight)} - double{master});
  for (const int step : {-1, 1}) {
    const float neighbour = arithmetic::widen_bf16(static_cast<std::uint16_t>(weight + step));
    if (std::isfinite(neighbour)) {
      RC_ASSERT(error <= std::fabs(double{neighbour} - double{master}));
    }
  }
}

TEST(exact_encoding, takes_ties_away_from_zero) {
  EXPECT_EQ(split(float_of(0x3F808000)).weight, 0x3F81);
  EXPECT_EQ(split(float_of(0xBF808000)).weight, 0xBF81);
  EXPECT_EQ(split(float_of(0x3F807FFF)).weight, 0x3F80);
  EXPECT_EQ(split(float_of(0x3F818000)).weight, 0x3F82);
}

TEST(exact_encoding, keeps_nan_a_nan_in_the_compute_copy) {
  // 0x7FFF8000 rounds to 0x8000, minus zero, unless it is made canonical first.
  for (const std::uint32_t bits : {0x7FFF8000u, 0x7FFFFFFFu, 0xFFFF8000u, 0x7F800001u}) {
    EXPECT_EQ(arithmetic::round_to_bf16(float_of(bits)), 0x7FC0);
    EXPECT_EQ(bits_of(arithmetic::canonical(float_of(bits))), 0x7FC00000u);
  }
}

/// Every exponent and sign, and in each the mantissas around all powers of two and the borders of
/// the rounding.
std::vector<float> boundary_patterns() {
  std::vector<float> patterns;
  for (std::uint32_t exponent = 0; exponent < 512; ++exponent) {
    for (std::uint32_t bit = 0; bit <= 23; ++bit) {
      for (const std::uint32_t offset :
           {0xFFFFFFFEu, 0xFFFFFFFFu, 0u, 1u, 0x7FFFu, 0x8000u, 0x8001u}) {
        patterns.push_back(float_of((exponent << 23) + (1u << bit) + offset));
      }
    }
  }
  return patterns;
}

class exact_kernels : public ::testing::TestWithParam<instruction_set> {
 protected:
  /// Encodes and decodes with the reference and with the kernels; all four must agree.
  void check(const std::vector<float>& master) {
    testing::state_buffer expected(encoding::exact, master.size(), 1);
    testing::state_buffer actual(encoding::exact, master.size(), 1);
    actual.momentum.as<float>()[0] = 3;
    std::uint32_t expected_findings = 0;
    std::uint32_t actual_findings = 0;
    cpu::reference::encode_master(encoding::exact, master, expected.view(), expected_findings);
    backend_->encode_master(encoding::exact, master, actual.view(), actual_findings);
    EXPECT_TRUE(expected == actual);
    EXPECT_TRUE(actual.guards_intact());
    EXPECT_EQ(expected_findings, actual_findings);

    std::vector<float> decoded(master.size());
    backend_->decode_master(encoding::exact, actual.view(), decoded);
    for (std::size_t i = 0; i < master.size(); ++i) {
      ASSERT_EQ(bits_of(decoded[i]), bits_of(arithmetic::canonical(master[i]))) << i;
    }
  }

  std::unique_ptr<update_backend> backend_ =
      std::move(cpu::make_update_backend(GetParam()).value());
};

TEST_P(exact_kernels, are_lossless_at_every_exponent) { check(boundary_patterns()); }

TEST_P(exact_kernels, are_lossless_on_a_dense_sample) {
  std::vector<float> master;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 2039) {
    master.push_back(float_of(static_cast<std::uint32_t>(bits)));
  }
  check(master);
}

TEST_P(exact_kernels, keep_fp32_masters_as_they_are) {
  testing::awkward_floats draw(11);
  for (const std::size_t count : {1, 16, 129}) {
    std::vector<float> master(count);
    for (float& value : master) value = draw();
    testing::state_buffer state(encoding::fp32, count, 1);
    std::uint32_t findings = 0;
    backend_->encode_master(encoding::fp32, master, state.view(), findings);
    std::vector<float> decoded(count);
    backend_->decode_master(encoding::fp32, state.view(), decoded);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(bits_of(decoded[i]), bits_of(arithmetic::canonical(master[i])));
    }
    EXPECT_TRUE(state.guards_intact());
    EXPECT_EQ(findings, std::uint32_t{found_nothing});
  }
}

TEST_P(exact_kernels, leave_moments_alone_that_they_are_not_given) {
  testing::state_buffer state(encoding::exact, 20, 0);
  for (float& value : state.momentum.as<float>()) value = 3;
  state_view weights_only = state.view();
  weights_only.momentum = weights_only.variance = nullptr;
  std::uint32_t findings = 0;
  backend_->encode_master(encoding::exact, std::vector<float>(20, 1.25f), weights_only, findings);
  EXPECT_EQ(state.weights.as<std::uint16_t>()[19], 0x3FA0);
  EXPECT_EQ(state.momentum.as<float>()[19], 3.0f);
}

INSTANTIATE_TEST_SUITE_P(isa, exact_kernels, testing::each_instruction_set(),
                         [](const auto& param_info) { return testing::name_of(param_info.param); });

}  // namespace
}  // namespace ballast
