// The element-wise kernels: every instruction set gives the same bits, and the baseline's values
// are right against double.
#include <gtest/gtest.h>

#include <ballast/arithmetic/narrow_floats.hpp>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/kernels.hpp"

namespace ballast::tools {
namespace {

std::vector<float> numbers(std::size_t count, std::uint64_t key, float scale = 1) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = scale * random_normal(key, i);
  return values;
}

std::vector<float> numbers_as(float, std::size_t count, std::uint64_t key) {
  return numbers(count, key);
}
template <class Narrow>
std::vector<Narrow> numbers_as(Narrow, std::size_t count, std::uint64_t key) {
  std::vector<Narrow> values(count);
  best_kernels<Narrow>().narrow(numbers(count, key).data(), count, values.data());
  return values;
}

/// Everything every kernel writes for rows of n values, as one run of bytes.
template <class T>
std::vector<std::byte> all_results(const kernel_table<T>& kernel, std::size_t n) {
  std::vector<std::byte> results;
  const auto add = [&](const auto& values) {
    const auto bytes = std::as_bytes(std::span(values));
    results.insert(results.end(), bytes.begin(), bytes.end());
  };
  const std::vector<float> x = numbers(4 * n, 1, 3), dy = numbers(4 * n, 2);
  const std::vector<T> a = numbers_as(T{}, 4 * n, 3), b = numbers_as(T{}, n, 4);
  std::vector<float> wide(4 * n), more(4 * n), some(8);
  std::vector<T> out(4 * n), before(4 * n);
  kernel.widen(a.data(), n, wide.data()), add(wide);
  kernel.narrow(x.data(), n, out.data()), add(out);
  kernel.embed(a.data(), b.data(), n, wide.data()), add(wide);
  kernel.accumulate(x.data(), n, wide.data()), add(wide);
  kernel.norm(x.data(), a.data(), b.data(), n, out.data(), &some[0], &some[4]), add(out);
  kernel.norm_backward(dy.data(), x.data(), a.data(), some[0], some[4], n, wide.data()), add(wide);
  kernel.norm_parameters(dy.data(), x.data(), some.data(), some.data() + 4, {4, n, n}, wide.data(),
                         more.data());
  add(wide), add(more), add(some);
  kernel.column_sums(a.data(), {4, n, n}, wide.data()), add(wide);
  kernel.add_bias(x.data(), b.data(), n, out.data()), add(out);
  kernel.add_bias_residual(x.data(), b.data(), dy.data(), n, wide.data()), add(wide);
  kernel.gelu(x.data(), b.data(), n, before.data(), out.data()), add(before), add(out);
  kernel.gelu_backward(dy.data(), before.data(), n, out.data()), add(out);
  wide = x;
  some[1] = kernel.softmax(wide.data(), n, 4 * n, 0.5f, out.data()), add(wide), add(out);
  wide = x;
  kernel.softmax_backward(wide.data(), dy.data(), n, 4 * n, 0.5f, some[1], before.data(),
                          out.data());
  add(wide), add(before), add(out);
  wide = x;
  some[2] = kernel.cross_entropy(wide.data(), n, n / 2, 0.25f, out.data()), add(wide), add(out);
  add(some);
  return results;
}

template <class T>
void expect_the_same_bits() {
  const available_kernels<T> found = runnable_kernels<T>();
  if (found.count == 1) GTEST_SKIP() << "this processor runs the baseline only";
  for (const std::size_t n : {1u, 15u, 16u, 17u, 251u}) {
    const std::vector<std::byte> expected = all_results(*found.tables[0], n);
    for (std::size_t i = 1; i < found.count; ++i) {
      EXPECT_EQ(all_results(*found.tables[i], n), expected) << found.tables[i]->name << " " << n;
    }
  }
}

TEST(Kernels, HaveTheSameBitsOnEveryInstructionSetInFp32) { expect_the_same_bits<float>(); }
TEST(Kernels, HaveTheSameBitsOnEveryInstructionSetInBf16) { expect_the_same_bits<bfloat16>(); }

TEST(Kernels, HaveTheSameBitsOnEveryInstructionSetInF16) { expect_the_same_bits<float16>(); }

/// Every f16, and fp32 around every tie between two of them, as the engine's own arithmetic has it.
TEST(Kernels, WidenAndRoundF16AsTheEngineDoes) {
  const available_kernels<float16> found = runnable_kernels<float16>();
  for (std::size_t table = 0; table < found.count; ++table) {
    const kernel_table<float16>& kernel = *found.tables[table];
    for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
      const auto half = static_cast<std::uint16_t>(pattern);
      const float16 stored{half};
      float wide = 0;
      kernel.widen(&stored, 1, &wide);
      const float expected = arithmetic::widen_f16(half);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(arithmetic::canonical(wide)),
                std::bit_cast<std::uint32_t>(expected))
          << kernel.name << " " << pattern;
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(wide);
      for (const std::uint32_t near : {bits, bits + 0x0FFF, bits + 0x1000, bits + 0x1001}) {
        const float value = std::bit_cast<float>(near);
        float16 rounded{};
        kernel.narrow(&value, 1, &rounded);
        ASSERT_EQ(rounded.bits, arithmetic::round_to_f16(value)) << kernel.name << " " << near;
      }
    }
    for (const std::uint32_t bits :
         {0u, 1u, 0x33000000u, 0x33000001u, 0x337FFFFFu, 0x387FE000u, 0x387FF000u, 0x477FEFFFu,
          0x477FF000u, 0x7F7FFFFFu, 0x7F800000u, 0xFF800001u, 0xB3000001u}) {
      const float value = std::bit_cast<float>(bits);
      float16 rounded{};
      kernel.narrow(&value, 1, &rounded);
      EXPECT_EQ(rounded.bits, arithmetic::round_to_f16(value)) << kernel.name << " " << bits;
    }
  }
}

TEST(Kernels, RoundToNearestEvenAndKeepNotANumber) {
  const auto rounded = [](std::uint32_t bits) {
    const float value = std::bit_cast<float>(bits);
    bfloat16 out{};
    best_kernels<bfloat16>().narrow(&value, 1, &out);
    return out.bits;
  };
  EXPECT_EQ(rounded(0x3F808000u), 0x3F80);  // a tie, to the even
  EXPECT_EQ(rounded(0x3F818000u), 0x3F82);
  EXPECT_EQ(rounded(0x3F808001u), 0x3F81);
  EXPECT_EQ(rounded(0x7F7FFFFFu), 0x7F80);  // beyond the largest: infinity
  EXPECT_EQ(rounded(0x7F800001u), 0x7FC0);
  EXPECT_EQ(rounded(0xFF800000u), 0xFF80);
}

TEST(Kernels, ComputeGeluAndItsSlope) {
  const kernel_table<float>& kernel = best_kernels<float>();
  for (float x = -12; x < 12; x += 0.037f) {
    const float zero = 0, one = 1;
    float before = 0, out = 0, slope = 0;
    kernel.gelu(&x, &zero, 1, &before, &out);
    kernel.gelu_backward(&one, &before, 1, &slope);
    const double wide = static_cast<double>(x);
    const double k = std::sqrt(2 / std::numbers::pi);
    const double t = std::tanh(k * (wide + 0.044715 * wide * wide * wide));
    const double expected_slope =
        0.5 * (1 + t) + 0.5 * wide * (1 - t * t) * k * (1 + 3 * 0.044715 * wide * wide);
    EXPECT_NEAR(static_cast<double>(out), 0.5 * wide * (1 + t), 1e-6 * (1 + std::abs(wide)));
    EXPECT_NEAR(static_cast<double>(slope), expected_slope, 3e-6);
  }
}

TEST(Kernels, SoftmaxIgnoresWhatLiesBeyondTheRow) {
  std::vector<float> scores = numbers(32, 8, 4);
  std::vector<float> poisoned = scores;
  for (std::size_t i = 21; i < 32; ++i) poisoned[i] = std::numeric_limits<float>::infinity();
  std::vector<float> a(32, 7), b(32, 7);
  const float sum_a = best_kernels<float>().softmax(scores.data(), 21, 32, 1, a.data());
  const float sum_b = best_kernels<float>().softmax(poisoned.data(), 21, 32, 1, b.data());
  EXPECT_EQ(sum_a, sum_b);
  EXPECT_EQ(a, b);
  double total = 0;
  for (std::size_t i = 0; i < 32; ++i) total += static_cast<double>(a[i]);
  EXPECT_NEAR(total, 1, 1e-6);
  EXPECT_EQ(a[21], 0);
}

TEST(Kernels, CrossEntropyOfExtremeLogitsIsExact) {
  std::vector<float> logits(50, -3000);
  logits[7] = 4000;
  std::vector<float> gradient(50);
  std::vector<float> again = logits;
  EXPECT_EQ(best_kernels<float>().cross_entropy(logits.data(), 50, 7, 1, gradient.data()), 0);
  EXPECT_EQ(gradient[7], 0);
  EXPECT_EQ(best_kernels<float>().cross_entropy(again.data(), 50, 8, 1, gradient.data()), 7000);
  EXPECT_EQ(gradient[8], -1);
  EXPECT_EQ(gradient[7], 1);
}

}  // namespace
}  // namespace ballast::tools
