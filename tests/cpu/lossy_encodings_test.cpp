// How much do the lossy encodings lose? Each inside the bounds that cpu/README.md states, without a
// bias, and nothing where a value is set and read again.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ballast/arithmetic/eight_bit_moments.hpp>
#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/arithmetic/split_master.hpp>
#include <cmath>
#include <cpu/reference.hpp>

#include "tests/cpu/state_buffer.hpp"

namespace ballast {
namespace {

using arithmetic::bits_of;
using arithmetic::float_of;

constexpr std::uint32_t most_noise = (1u << arithmetic::code_fraction_bits) - 1;

/// A positive normal number that has a reciprocal: what the largest of a group may be.
float largest_of(std::uint32_t bits) {
  return float_of(0x12800000u + (bits & 0x7FFFFFFFu) % (0x7F800000u - 0x12800000u));
}

RC_GTEST_PROP(int8_codes, stay_inside_their_range_and_a_scale_away, (std::uint32_t bits)) {
  const float largest = largest_of(bits);
  const arithmetic::code_scale by = arithmetic::scale_of(largest, arithmetic::momentum_codes);
  const arithmetic::code_scale root = arithmetic::scale_of(largest, arithmetic::root_codes);
  for (const float part : {1.0f, 0.999999f, 0.5f, 0.01f, 1e-6f, 0.0f}) {
    for (const std::uint32_t noise : {0u, 1u, arithmetic::half_a_code, most_noise}) {
      for (const float sign : {-1.0f, 1.0f}) {
        const float value = sign * part * largest;
        const int code = arithmetic::momentum_code(value, by.inverse, noise);
        RC_ASSERT(code >= -127 && code <= 127);
        const double lost = std::fabs(code * double{by.scale} - double{value});
        RC_ASSERT(lost <= double{by.scale} * 1.0001);
        if (noise == arithmetic::half_a_code) {
          RC_ASSERT(lost <= double{by.scale} * 0.5001);
        }
      }
      const float value = part * largest;
      const int code = arithmetic::root_code(value, root.inverse, noise);
      RC_ASSERT(code >= 1 && code <= 255);
      RC_ASSERT(std::fabs(code * double{root.scale} - double{value}) <=
                double{root.scale} * 1.0001);
    }
  }
  RC_ASSERT(arithmetic::momentum_code(largest, by.inverse, most_noise) == 127);
  RC_ASSERT(arithmetic::root_code(largest, root.inverse, most_noise) == 255);
}

RC_GTEST_PROP(int8_codes, are_right_on_average, (std::uint16_t a, std::uint16_t b)) {
  const float largest = 3.7f;
  const float value = largest * (static_cast<float>(a) / 65536.0f);
  const arithmetic::code_scale by = arithmetic::scale_of(largest, arithmetic::momentum_codes);
  double sum = 0;
  constexpr int draws = 4096;
  for (int i = 0; i < draws; ++i) {
    const auto noise = static_cast<std::uint32_t>(i) * ((most_noise + 1) / draws) + b % 2048;
    sum += arithmetic::momentum_code(value, by.inverse, noise);
  }
  // In codes: 2^-12 of the draws' spacing, a little for the rounding of the product.
  RC_ASSERT(std::fabs(sum / draws - double{value} / double{by.scale}) < 1e-3);
}

TEST(int8_codes, of_a_group_that_is_not_finite_are_zero_under_a_nan) {
  for (const float largest : {INFINITY, NAN}) {
    const arithmetic::code_scale by = arithmetic::scale_of(largest, arithmetic::momentum_codes);
    EXPECT_TRUE(std::isnan(by.scale));
    EXPECT_EQ(arithmetic::momentum_code(1.0f, by.inverse, most_noise), 0);
    EXPECT_EQ(arithmetic::root_code(NAN, by.inverse, most_noise), 0);
    EXPECT_EQ(bits_of(arithmetic::momentum_of(0, by.scale)), arithmetic::canonical_nan_bits);
    EXPECT_EQ(bits_of(arithmetic::variance_of(0, by.scale)), arithmetic::canonical_nan_bits);
  }
}

RC_GTEST_PROP(short_master, is_rounded_to_24_bits_without_a_bias, (std::uint32_t bits)) {
  const float master = float_of(bits);
  RC_PRE(std::isfinite(master) && !arithmetic::overflows_weight(master));
  std::uint32_t ups = 0;
  for (std::uint32_t noise = 0; noise < 256; ++noise) {
    const float rounded = arithmetic::round_to_24_bits(master, noise);
    RC_ASSERT((bits_of(rounded) & 0xFFu) == 0);
    RC_ASSERT(bits_of(arithmetic::join(arithmetic::short_split(rounded))) == bits_of(rounded));
    ups += bits_of(rounded) != (bits & ~0xFFu);
  }
  RC_ASSERT(ups == (bits & 0xFFu));
}

TEST(rounding_noise, is_uniform_for_every_element_of_a_group) {
  for (const std::uint32_t index : {0u, 1u, 64u, 127u}) {
    double sum = 0;
    double squares = 0;
    std::uint32_t low_bytes[256] = {};
    constexpr std::uint64_t groups = 1u << 16;
    for (std::uint64_t group = 0; group < groups; ++group) {
      const std::uint64_t key = arithmetic::noise_key(3, 17);
      const std::uint32_t word = arithmetic::noise(arithmetic::group_key(key, 128 * group), index);
      const double unit = word * 0x1p-32;
      sum += unit;
      squares += unit * unit;
      ++low_bytes[word & 0xFF];
    }
    const double n = groups;
    EXPECT_NEAR(sum / n, 0.5, 5 * std::sqrt(1.0 / 12 / n));
    EXPECT_NEAR(squares / n, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / n));
    for (const std::uint32_t count : low_bytes) {
      EXPECT_NEAR(count, n / 256, 6 * std::sqrt(n / 256)) << "element " << index;
    }
  }
}

TEST(rounding_noise, of_neighbours_and_of_steps_does_not_go_together) {
  const auto correlation = [](auto other) {
    double sum = 0;
    constexpr std::uint64_t groups = 1u << 16;
    for (std::uint64_t group = 0; group < groups; ++group) {
      const std::uint64_t key = arithmetic::group_key(arithmetic::noise_key(3, 17), 128 * group);
      const double one = arithmetic::noise(key, 5) * 0x1p-32 - 0.5;
      sum += one * (other(group, key) * 0x1p-32 - 0.5);
    }
    return 12 * sum / groups;
  };
  const double limit = 5 / std::sqrt(65536.0);
  for (const std::uint32_t distance : {1u, 2u, 16u, 100u}) {
    EXPECT_NEAR(correlation([&](std::uint64_t, std::uint64_t key) {
                  return arithmetic::noise(key, 5 + distance);
                }),
                0, limit);
  }
  for (const std::uint64_t step : {18u, 19u, 1000u}) {
    EXPECT_NEAR(correlation([&](std::uint64_t group, std::uint64_t) {
                  return arithmetic::noise(
                      arithmetic::group_key(arithmetic::noise_key(3, step), 128 * group), 5);
                }),
                0, limit);
  }
}

/// `count` values and what is left of them after encode and decode, as master and as moments.
class round_trip : public ::testing::TestWithParam<encoding> {
 protected:
  void fill(std::size_t count) {
    testing::awkward_floats draw(static_cast<std::uint32_t>(count));
    values_.resize(count);
    for (float& value : values_) value = draw.ordinary();
  }
  std::vector<float> moment(state_part which, const std::vector<float>& values) {
    testing::state_buffer state(GetParam(), values.size(), 1);
    cpu::reference::encode_moment(GetParam(), which, values, state.view());
    std::vector<float> back(values.size());
    cpu::reference::decode_moment(GetParam(), which, state.view(), back);
    EXPECT_TRUE(state.guards_intact());
    return back;
  }
  /// What may be lost of a moment: relative, or of its group's largest.
  double moment_bound(const std::vector<float>& values, std::size_t at, bool root) const {
    if (GetParam() == encoding::bf16) return std::fabs(double{values[at]}) * 0x1p-8;
    if (GetParam() != encoding::int8) return 0;
    double largest = 0;
    for (std::size_t i = at / 128 * 128; i < std::min(values.size(), at / 128 * 128 + 128); ++i) {
      largest = std::max(largest, std::fabs(double{values[i]}));
    }
    if (!root) return largest / 254 * 1.001;
    // Half a code of the root, but a whole one below the least: (r + d)^2 - r^2.
    const double scale = std::sqrt(largest) / 255 * 1.001;
    return scale * (2 * std::sqrt(double{values[at]}) + scale);
  }

  std::vector<float> values_;
};

TEST_P(round_trip, of_masters_is_inside_the_stated_bounds) {
  for (const std::size_t count : {1, 127, 128, 129, 1000}) {
    fill(count);
    testing::state_buffer state(GetParam(), count, 1);
    std::uint32_t findings = 0;
    cpu::reference::encode_master(GetParam(), values_, state.view(), findings);
    std::vector<float> back(count);
    cpu::reference::decode_master(GetParam(), state.view(), back);
    const double bound = GetParam() == encoding::int8 ? 0x1p-16 : 0;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_LE(std::fabs(double{back[i]} - double{values_[i]}),
                bound * std::fabs(double{values_[i]}));
    }
    testing::state_buffer again(GetParam(), count, 1);
    cpu::reference::encode_master(GetParam(), back, again.view(), findings);
    EXPECT_TRUE(again == state) << "what was read sets the same state";
    EXPECT_EQ(findings, std::uint32_t{found_nothing});
  }
}

TEST_P(round_trip, of_moments_is_inside_the_stated_bounds) {
  for (const std::size_t count : {1, 127, 128, 129, 1000}) {
    fill(count);
    const std::vector<float> momentum = moment(state_part::momentum, values_);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_LE(std::fabs(double{momentum[i]} - double{values_[i]}),
                moment_bound(values_, i, false));
    }
    for (float& value : values_) value = std::fabs(value);
    const std::vector<float> variance = moment(state_part::variance, values_);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_LE(std::fabs(double{variance[i]} - double{values_[i]}),
                moment_bound(values_, i, true));
      EXPECT_GT(variance[i], 0) << "a variance that is not zero stays so";
    }
  }
}

TEST_P(round_trip, of_zeros_is_zeros) {
  const std::vector<float> zeros(300, 0.0f);
  EXPECT_EQ(moment(state_part::momentum, zeros), zeros);
  EXPECT_EQ(moment(state_part::variance, zeros), zeros);
}

INSTANTIATE_TEST_SUITE_P(encodings, round_trip,
                         ::testing::Values(encoding::fp32, encoding::exact, encoding::fp16,
                                           encoding::bf16, encoding::int8),
                         [](const auto& param_info) {
                           return std::string(to_string(param_info.param));
                         });

}  // namespace
}  // namespace ballast
