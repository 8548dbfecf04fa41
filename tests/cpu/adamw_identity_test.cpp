// Do the kernels of every instruction set equal the scalar reference, bit for bit?
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <cmath>
#include <cpu/adamw_reference.hpp>
#include <cpu/update_backend.hpp>

#include "tests/cpu/instruction_sets.hpp"
#include "tests/cpu/state_buffer.hpp"

namespace ballast {
namespace {

using testing::awkward_floats;
using testing::state_buffer;

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

void set_gradient(encoding stored, state_buffer& state, awkward_floats& draw) {
  for (std::size_t i = 0; i < state.count; ++i) {
    const float value = draw();
    if (stored == encoding::fp32) {
      state.gradient.as<float>()[i] = value;
    } else {
      state.gradient.as<std::uint16_t>()[i] = cpu::reference::round_to_bf16(value);
    }
  }
}

void set_state(encoding stored, state_buffer& state, awkward_floats& draw) {
  std::uint32_t findings = 0;
  std::vector<float> master(state.count);
  for (float& value : master) value = draw();
  cpu::reference::encode_master(stored, master, state.view(), findings);
  for (float& value : state.momentum.as<float>()) value = draw();
  for (float& value : state.variance.as<float>()) value = std::fabs(draw());
}

/// Runs `steps` steps with the reference and with `isa`'s kernels and compares after each.
void compare(instruction_set isa, encoding stored, std::size_t count, std::size_t head,
             std::uint64_t steps) {
  SCOPED_TRACE(::testing::Message() << testing::name_of(isa) << " " << to_string(stored) << " "
                                    << count << " elements, head " << head);
  auto backend = cpu::make_update_backend(isa);
  ASSERT_TRUE(backend);
  state_buffer expected(stored, count, head);
  state_buffer actual(stored, count, head);
  const auto seed = static_cast<std::uint32_t>(count * 31 + head);
  awkward_floats expected_draw(seed);
  awkward_floats actual_draw(seed);
  set_state(stored, expected, expected_draw);
  set_state(stored, actual, actual_draw);
  for (std::uint64_t step = 1; step <= steps; ++step) {
    set_gradient(stored, expected, expected_draw);
    set_gradient(stored, actual, actual_draw);
    const adamw_scalars scalars =
        make_adamw_scalars({.weight_decay = 0.1}, 1e-3, step, step % 3 == 0 ? 0.37 : 1.0);
    std::uint32_t expected_findings = 0;
    std::uint32_t actual_findings = 0;
    cpu::reference::update(stored, scalars, expected.view(), expected_findings);
    (*backend)->update(stored, scalars, actual.view(), actual_findings, {});
    ASSERT_EQ(expected_findings, actual_findings) << "step " << step;
    ASSERT_TRUE(expected == actual) << "step " << step;
  }
  EXPECT_TRUE(actual.guards_intact());
  EXPECT_TRUE(expected.guards_intact());
}

using identity_case = std::tuple<instruction_set, encoding>;
class adamw_identity : public ::testing::TestWithParam<identity_case> {};

TEST_P(adamw_identity, holds_for_50_steps_at_every_small_size_and_head) {
  const auto [isa, stored] = GetParam();
  for (const std::size_t count : {0, 1, 15, 16, 17, 127, 128, 129, 4095, 4096, 4097}) {
    for (const std::size_t head : {0, 1, 7}) compare(isa, stored, count, head, 50);
  }
}

TEST_P(adamw_identity, holds_around_a_million_elements) {
  const auto [isa, stored] = GetParam();
  const std::size_t million = std::size_t{1} << 20;
  for (const std::size_t count : {million - 1, million, million + 1}) {
    compare(isa, stored, count, count % 2, 3);
  }
}

TEST_P(adamw_identity, holds_in_a_process_that_flushes_subnormals) {
  const auto [isa, stored] = GetParam();
  const fast_math_mode mode;
  compare(isa, stored, 4097, 1, 50);
  EXPECT_EQ(_mm_getcsr() & flush_to_zero_and_denormals_are_zero,
            flush_to_zero_and_denormals_are_zero)
      << "the caller's mode is restored";
}

// What the test above compares could flush on both sides; this one knows the right bits.
TEST_P(adamw_identity, keeps_subnormal_moments_in_a_process_that_flushes_them) {
  const auto [isa, stored] = GetParam();
  auto backend = cpu::make_update_backend(isa);
  ASSERT_TRUE(backend);
  const adamw_scalars scalars = make_adamw_scalars({}, 1e-3, 1, 1.0);
  const float tiny = std::bit_cast<float>(0x00400000u);
  const auto momentum_after = [&](auto update) {
    state_buffer state(stored, 17, 0);
    for (float& value : state.momentum.as<float>()) value = tiny;
    const fast_math_mode mode;
    std::uint32_t findings = 0;
    update(state.view(), findings);
    return std::bit_cast<std::uint32_t>(state.momentum.as<float>()[16]);
  };
  const std::uint32_t expected = 0x0039999A;  // 0.9 * 0x400000, to nearest
  EXPECT_EQ(expected, momentum_after([&](const state_view& view, std::uint32_t& findings) {
              cpu::reference::update(stored, scalars, view, findings);
            }));
  EXPECT_EQ(expected, momentum_after([&](const state_view& view, std::uint32_t& findings) {
              (*backend)->update(stored, scalars, view, findings, {});
            }));
}

TEST_P(adamw_identity, stores_every_nan_as_the_canonical_one) {
  const auto [isa, stored] = GetParam();
  auto backend = cpu::make_update_backend(isa);
  ASSERT_TRUE(backend);
  state_buffer state(stored, 33, 0);
  awkward_floats draw(7);
  for (std::size_t i = 0; i < state.count; ++i) {
    if (stored == encoding::fp32) {
      state.gradient.as<std::uint32_t>()[i] = 0xFFC12345u;
    } else {
      state.gradient.as<std::uint16_t>()[i] = 0xFFC1;
    }
  }
  std::uint32_t findings = 0;
  (*backend)->update(stored, make_adamw_scalars({}, 1e-3, 1, 1.0), state.view(), findings, {});
  std::vector<float> master(state.count);
  (*backend)->decode_master(stored, state.view(), master);
  for (std::size_t i = 0; i < state.count; ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(master[i]), cpu::reference::canonical_nan_bits);
    EXPECT_EQ(state.momentum.as<std::uint32_t>()[i], cpu::reference::canonical_nan_bits);
    EXPECT_EQ(state.variance.as<std::uint32_t>()[i], cpu::reference::canonical_nan_bits);
  }
  EXPECT_EQ(findings, std::uint32_t{found_nothing});
}

TEST_P(adamw_identity, finds_a_weight_that_no_bf16_holds) {
  const auto [isa, stored] = GetParam();
  if (stored != encoding::exact) return;  // only its weights are narrower than its master
  auto backend = cpu::make_update_backend(isa);
  ASSERT_TRUE(backend);
  for (const std::size_t count : {1, 16, 35}) {
    for (const std::uint32_t bits :
         {0x7F7F7FFFu, 0xFF7F7FFFu, 0x7F7F8000u, 0xFF7FFFFFu, 0x7F800000u}) {
      const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
      const bool overflows = magnitude > 0x7F7F7FFFu && magnitude < 0x7F800000u;
      state_buffer state(stored, count, 0);
      std::vector<float> master(count, 0.5f);
      master.back() = std::bit_cast<float>(bits);
      std::uint32_t encoded = 0;
      (*backend)->encode_master(stored, master, state.view(), encoded);
      EXPECT_EQ(encoded, overflows ? found_weight_overflow : found_nothing) << std::hex << bits;
      std::uint32_t updated = 0;
      const adamw_scalars still = make_adamw_scalars({.weight_decay = 0}, 1e-3, 1, 1.0);
      (*backend)->update(stored, still, state.view(), updated, {});
      EXPECT_EQ(updated, overflows ? found_weight_overflow : found_nothing) << std::hex << bits;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    isa, adamw_identity,
    ::testing::Combine(::testing::ValuesIn(testing::supported_instruction_sets()),
                       ::testing::Values(encoding::fp32, encoding::exact)),
    [](const auto& param_info) {
      return testing::name_of(std::get<0>(param_info.param)) + "_" +
             std::string(to_string(std::get<1>(param_info.param)));
    });

TEST(update_backend, is_chosen_by_name_environment_or_machine) {
  ::unsetenv("BALLAST_ISA");
  EXPECT_EQ((*cpu::make_update_backend(instruction_set::baseline))->name(), "baseline");
  const std::string_view widest = cpu::supports(instruction_set::avx512) ? "avx512" : "baseline";
  EXPECT_EQ((*cpu::make_update_backend(instruction_set::automatic))->name(), widest);

  ::setenv("BALLAST_ISA", "baseline", 1);
  EXPECT_EQ((*cpu::make_update_backend(instruction_set::automatic))->name(), "baseline");
  if (cpu::supports(instruction_set::avx512)) {
    EXPECT_EQ((*cpu::make_update_backend(instruction_set::avx512))->name(), "avx512")
        << "what the configuration names wins";
  }
  ::setenv("BALLAST_ISA", "avx2000", 1);
  const auto unknown = cpu::make_update_backend(instruction_set::automatic);
  ::unsetenv("BALLAST_ISA");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, errc::invalid_argument);
  EXPECT_NE(unknown.error().message.find("avx2000"), std::string::npos);
}

TEST(update_backend, refuses_by_name_what_the_machine_lacks) {
  if (cpu::supports(instruction_set::avx512)) GTEST_SKIP() << "this machine lacks nothing";
  const auto backend = cpu::make_update_backend(instruction_set::avx512);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, errc::unsupported);
}

}  // namespace
}  // namespace ballast
