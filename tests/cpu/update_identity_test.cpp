// Do the kernels of every instruction set equal the scalar reference, bit for bit? Every optimizer
// and encoding, at odd sizes and alignments, in tiles and threads, over 50 steps, with gradients
// that are subnormal, infinite and NaN. Every head of the larger sizes, and a million elements:
// update_identity_slow_test.cpp.
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <ballast/arithmetic/float_bits.hpp>

#include "tests/cpu/each_instruction_set.hpp"
#include "tests/cpu/two_arms.hpp"

namespace ballast {
namespace {

using testing::arm_case;
using testing::arm_cut;
using testing::state_buffer;
using testing::two_arms;

constexpr unsigned flush_to_zero_and_denormals_are_zero = 0x8040;

/// The thread's mode as a fast-math library leaves it behind; put back at the end.
class fast_math_mode {
 public:
  fast_math_mode() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | flush_to_zero_and_denormals_are_zero);
  }
  ~fast_math_mode() { _mm_setcsr(before_); }

 private:
  unsigned before_;
};

using identity_case = std::tuple<instruction_set, optimizer, encoding>;

class update_identity : public ::testing::TestWithParam<identity_case> {
 protected:
  /// `steps` steps; tiles and threads change from step to step, which no bit may depend on.
  void compare(arm_case of, std::uint64_t steps) {
    SCOPED_TRACE(::testing::Message() << of.count << " elements, head " << of.head << ", gradient "
                                      << to_string(of.gradient));
    two_arms arms(*kernels_, of);
    for (std::uint64_t step = 1; step <= steps; ++step) {
      const arm_cut cuts[] = {{0, 1}, {128, 1}, {384, 2}, {4096, 3}};
      if (!arms.step(step, cuts[step % std::size(cuts)])) return;
    }
  }

  encoding stored_ = std::get<2>(GetParam());
  optimizer with_ = std::get<1>(GetParam());
  std::unique_ptr<update_backend> kernels_ =
      std::move(cpu::make_update_backend(std::get<0>(GetParam())).value());
};

TEST_P(update_identity, holds_for_50_steps_at_every_small_size_and_head) {
  for (const std::size_t count : {0, 1, 15, 16, 17, 127, 128, 129}) {
    for (const std::size_t head : {0, 1, 7}) {
      compare({stored_, with_, compute_type(stored_), count, head}, 50);
    }
  }
  compare({stored_, with_, compute_type(stored_), 4095, 7}, 50);
  compare({stored_, with_, compute_type(stored_), 4096, 0}, 50);
  compare({stored_, with_, compute_type(stored_), 4097, 1}, 50);
}

TEST_P(update_identity, holds_for_every_type_of_gradient) {
  for (const dtype gradient : {dtype::f32, dtype::bf16, dtype::f16}) {
    for (const std::size_t count : {1, 300, 4097}) {
      compare({stored_, with_, gradient, count, 1}, 10);
    }
  }
}

TEST_P(update_identity, holds_in_a_process_that_flushes_subnormals) {
  const fast_math_mode mode;
  compare({stored_, with_, compute_type(stored_), 1025, 1}, 50);
  EXPECT_EQ(_mm_getcsr() & flush_to_zero_and_denormals_are_zero,
            flush_to_zero_and_denormals_are_zero)
      << "the caller's mode is restored";
}

TEST_P(update_identity, stores_every_nan_as_the_canonical_one) {
  state_buffer state(stored_, 33, 0, with_, dtype::f32);
  std::ranges::fill(state.gradient.as<std::uint32_t>(), 0xFFC12345u);
  const update_recipe recipe{stored_, dtype::f32,
                             make_scalars(testing::options_of(with_), 1e-3, 1, 1.0), 5};
  std::uint32_t findings = 0;
  kernels_->update(recipe, state.view(), findings, {});
  std::vector<float> values(state.count);
  const auto expect_canonical = [&](const char* what) {
    for (const float value : values) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(value), arithmetic::canonical_nan_bits) << what;
    }
  };
  kernels_->decode_master(stored_, state.view(), values);
  expect_canonical("master");
  kernels_->decode_moment(stored_, state_part::momentum, state.view(), values);
  expect_canonical("momentum");
  if (has_variance(with_)) {
    kernels_->decode_moment(stored_, state_part::variance, state.view(), values);
    expect_canonical("variance");
  }
  EXPECT_EQ(findings, std::uint32_t{found_nothing});
}

TEST_P(update_identity, finds_a_weight_that_the_compute_type_does_not_hold) {
  const bool half = stored_ == encoding::fp16;
  const std::uint32_t largest = half ? 0x477FEFFFu : 0x7F7F7E00u;
  const std::uint32_t too_large = half ? 0x477FF000u : 0x7F7F8000u;
  for (const std::size_t count : {1, 16, 35, 128, 129}) {
    for (const std::uint32_t bits :
         {largest, largest | 0x80000000u, too_large, 0xFF7FFF00u, 0x7F800000u}) {
      const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
      const bool overflows =
          stored_ != encoding::fp32 && magnitude >= too_large && magnitude < 0x7F800000u;
      // int8 calls every infinite weight too large; a step makes a NaN of an infinite master.
      const bool is_infinite = stored_ == encoding::int8 && magnitude == 0x7F800000u;
      state_buffer state(stored_, count, 0, with_, dtype::f32);
      std::vector<float> master(count, 0.5f);
      master.back() = std::bit_cast<float>(bits);
      std::uint32_t encoded = 0;
      kernels_->encode_master(stored_, master, state.view(), encoded);
      EXPECT_EQ(encoded, overflows || is_infinite ? found_weight_overflow : found_nothing)
          << std::hex << bits;
      std::uint32_t updated = 0;
      const update_recipe still{stored_, dtype::f32,
                                make_scalars(testing::options_of(with_), 0, 1, 1.0), 5};
      kernels_->update(still, state.view(), updated, {});
      EXPECT_EQ(updated, overflows ? found_weight_overflow : found_nothing) << std::hex << bits;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    isa, update_identity,
    ::testing::Combine(testing::each_instruction_set(),
                       ::testing::Values(optimizer::adamw, optimizer::adam, optimizer::sgd),
                       ::testing::Values(encoding::fp32, encoding::exact, encoding::fp16,
                                         encoding::bf16, encoding::int8)),
    [](const auto& param_info) {
      return testing::name_of(std::get<0>(param_info.param)) + "_" +
             std::string(to_string(std::get<1>(param_info.param))) + "_" +
             std::string(to_string(std::get<2>(param_info.param)));
    });

class mxcsr : public ::testing::TestWithParam<instruction_set> {};

// What the tests above compare could flush on both sides; this one knows the right bits.
TEST_P(mxcsr, keeps_subnormal_moments_in_a_process_that_flushes_them) {
  const auto kernels = std::move(cpu::make_update_backend(GetParam()).value());
  const update_recipe recipe{encoding::fp32, dtype::f32,
                             make_scalars(adamw_options{}, 1e-3, 1, 1.0)};
  const float tiny = std::bit_cast<float>(0x00400000u);
  const auto momentum_after = [&](auto update) {
    state_buffer state(encoding::fp32, 17, 0);
    for (float& value : state.momentum.as<float>()) value = tiny;
    const fast_math_mode mode;
    std::uint32_t findings = 0;
    update(state.view(), findings);
    return std::bit_cast<std::uint32_t>(state.momentum.as<float>()[16]);
  };
  const std::uint32_t expected = 0x0039999A;  // 0.9 * 0x400000, to nearest
  EXPECT_EQ(expected, momentum_after([&](const state_view& view, std::uint32_t& findings) {
              cpu::reference::update(recipe, view, findings);
            }));
  EXPECT_EQ(expected, momentum_after([&](const state_view& view, std::uint32_t& findings) {
              kernels->update(recipe, view, findings, {});
            }));
}

INSTANTIATE_TEST_SUITE_P(isa, mxcsr, testing::each_instruction_set(),
                         [](const auto& param_info) { return testing::name_of(param_info.param); });

}  // namespace
}  // namespace ballast
