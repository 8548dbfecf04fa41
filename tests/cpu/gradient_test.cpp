// Do gradients come out rounded, summed in the promised order and checked, the same on every
// instruction set?
#include <gtest/gtest.h>

#include <ballast/arithmetic/split_master.hpp>
#include <ballast/rounding.hpp>
#include <cmath>
#include <cpu/reference.hpp>
#include <cpu/update_backend.hpp>

#include "tests/cpu/each_instruction_set.hpp"
#include "tests/cpu/state_buffer.hpp"

namespace ballast {
namespace {

using testing::awkward_floats;
using testing::guarded_array;

constexpr std::size_t sizes[] = {0, 1, 15, 16, 17, 127, 128, 129, 4095, 4096, 4097, 8192, 20011};

std::vector<double> sums_for(std::size_t count) {
  return std::vector<double>(count_up(elements{count}, block_elements), -1.0);
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

class gradient : public ::testing::TestWithParam<instruction_set> {
 protected:
  std::unique_ptr<update_backend> backend_ =
      std::move(cpu::make_update_backend(GetParam()).value());
};

TEST_P(gradient, encodes_as_the_reference_does) {
  for (const bool ordinary : {true, false}) {
    for (const dtype type : {dtype::f32, dtype::bf16}) {
      for (const std::size_t count : sizes) {
        SCOPED_TRACE(::testing::Message() << to_string(type) << " " << count);
        const std::size_t size = size_of(type).value;
        awkward_floats draw(static_cast<std::uint32_t>(count));
        std::vector<float> source(count);
        for (float& value : source) value = ordinary ? draw.ordinary() : draw();
        guarded_array expected(count, size, 1);
        guarded_array actual(count, size, 1);
        std::vector<double> expected_sums = sums_for(count);
        std::vector<double> actual_sums = expected_sums;
        std::uint32_t expected_findings = 0;
        std::uint32_t actual_findings = 0;
        cpu::reference::encode_gradient(source, type, expected.data(), expected_sums,
                                        expected_findings);
        backend_->encode_gradient(source, type, actual.data(), actual_sums, actual_findings, {});
        EXPECT_TRUE(expected == actual);
        EXPECT_TRUE(same_bits(expected_sums, actual_sums));
        EXPECT_EQ(expected_findings, actual_findings);
        EXPECT_TRUE(actual.guards_intact());
        if (ordinary) {
          EXPECT_EQ(actual_findings, std::uint32_t{found_nothing});
        }

        // The same in place: the target is the source's memory.
        std::vector<float> both = source;
        auto* target = reinterpret_cast<std::byte*>(both.data());
        backend_->encode_gradient(both, type, target, actual_sums, actual_findings, {});
        EXPECT_TRUE(count == 0 || std::memcmp(target, expected.data(), count * size) == 0);
        EXPECT_TRUE(same_bits(expected_sums, actual_sums));
      }
    }
  }
}

TEST_P(gradient, accumulates_as_the_reference_does) {
  for (const std::size_t count : sizes) {
    awkward_floats draw(static_cast<std::uint32_t>(count + 1));
    guarded_array expected(count, 4, 3);
    guarded_array actual(count, 4, 3);
    std::vector<float> from(count);
    for (std::size_t i = 0; i < count; ++i) {
      expected.as<float>()[i] = actual.as<float>()[i] = draw();
      from[i] = draw();
    }
    cpu::reference::accumulate(expected.as<float>(), from);
    backend_->accumulate(actual.as<float>(), from, {});
    EXPECT_TRUE(expected == actual) << count;
    EXPECT_TRUE(actual.guards_intact()) << count;
  }
}

TEST_P(gradient, finds_one_value_that_is_not_finite_anywhere) {
  for (const std::size_t count : {1, 16, 40, 5000}) {
    for (std::size_t at = 0; at < count; at += count / 7 + 1) {
      for (const float bad : {HUGE_VALF, -HUGE_VALF, std::nanf("")}) {
        std::vector<float> source(count, 1.5f);
        source[at] = bad;
        std::vector<float> target(count);
        std::vector<double> sums = sums_for(count);
        std::uint32_t findings = found_weight_overflow;
        backend_->encode_gradient(source, dtype::f32, reinterpret_cast<std::byte*>(target.data()),
                                  sums, findings, {});
        EXPECT_EQ(findings, std::uint32_t{found_weight_overflow | found_non_finite_gradient})
            << "flags are added";
      }
    }
  }
}

TEST_P(gradient, finds_a_value_that_becomes_infinite_in_bf16) {
  const float largest = std::bit_cast<float>(0x7F7F7FFFu);
  std::vector<double> sums(1);
  std::uint16_t target = 0;
  std::uint32_t findings = 0;
  backend_->encode_gradient({&largest, 1}, dtype::bf16, reinterpret_cast<std::byte*>(&target), sums,
                            findings, {});
  EXPECT_EQ(findings, std::uint32_t{found_nothing});
  const float beyond = std::nextafter(largest, HUGE_VALF);
  backend_->encode_gradient({&beyond, 1}, dtype::bf16, reinterpret_cast<std::byte*>(&target), sums,
                            findings, {});
  EXPECT_EQ(findings, std::uint32_t{found_non_finite_gradient});
  EXPECT_EQ(target, 0x7F80);
}

// The order is part of the contract: another backend must be able to follow it from README alone.
TEST_P(gradient, sums_sixteen_lanes_and_folds_them_by_halves) {
  awkward_floats draw(3);
  std::vector<float> source(4096 + 100);
  for (float& value : source) value = draw.ordinary();
  std::vector<float> target(source.size());
  std::vector<double> sums(2);
  std::uint32_t findings = 0;
  backend_->encode_gradient(source, dtype::f32, reinterpret_cast<std::byte*>(target.data()), sums,
                            findings, {});
  for (std::size_t block = 0; block < 2; ++block) {
    double lane[16] = {};
    for (std::size_t i = block * 4096;
         i < std::min<std::size_t>(source.size(), block * 4096 + 4096); ++i) {
      lane[i % 16] += double{source[i]} * double{source[i]};
    }
    for (int i = 0; i < 8; ++i) lane[i] += lane[i + 8];
    for (int i = 0; i < 4; ++i) lane[i] += lane[i + 4];
    EXPECT_EQ(sums[block], (lane[0] + lane[2]) + (lane[1] + lane[3]));
  }
}

INSTANTIATE_TEST_SUITE_P(isa, gradient, testing::each_instruction_set(),
                         [](const auto& param_info) { return testing::name_of(param_info.param); });

}  // namespace
}  // namespace ballast
