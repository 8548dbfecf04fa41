// The GPU's element functions, compiled for the host, against the scalar reference: every bit, over
// patterns that include subnormals, infinities and NaNs.
#include "gpu/adamw_elements.cuh"

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "cpu/adamw_reference.hpp"

namespace ballast::gpu {
namespace {

namespace reference = cpu::reference;

/// Half of them any pattern at all, half of the size that training sees.
class float_source {
 public:
  float operator()() {
    const auto bits = static_cast<std::uint32_t>(random_());
    return bits % 2 == 0 ? std::bit_cast<float>(static_cast<std::uint32_t>(random_()))
                         : normal_(random_);
  }

 private:
  std::mt19937_64 random_{7};
  std::normal_distribution<float> normal_{0, 0.02F};
};

TEST(GpuElements, SplitAndJoinAreTheReferences) {
  for (std::uint64_t wide = 0; wide < (std::uint64_t{1} << 32); wide += 4093) {
    const float value = canonical(std::bit_cast<float>(static_cast<std::uint32_t>(wide)));
    ASSERT_EQ(bits_of(value), std::bit_cast<std::uint32_t>(reference::canonical(value)));
    const split_master halves = split(value);
    const reference::split_master expected = reference::split(value);
    ASSERT_EQ(halves.weight, expected.weight) << std::hex << wide;
    ASSERT_EQ(halves.residual, expected.residual) << std::hex << wide;
    ASSERT_EQ(bits_of(join(halves)), std::bit_cast<std::uint32_t>(reference::join(expected)));
    ASSERT_EQ(overflows_weight(value), reference::overflows_weight(value)) << std::hex << wide;
  }
}

TEST(GpuElements, TheStepIsTheReferences) {
  float_source next;
  for (std::uint64_t step = 1; step <= 200'000; ++step) {
    const adamw_scalars scalars = make_adamw_scalars({}, 1e-3, step % 1000 + 1, 0.5);
    const float weight = next(), momentum = next(), variance = next(), gradient = next();
    const adamw_element found = adamw(scalars, {weight, momentum, variance}, gradient);
    const auto expected = reference::adamw(scalars, {weight, momentum, variance}, gradient);
    ASSERT_EQ(bits_of(found.weight), std::bit_cast<std::uint32_t>(expected.weight));
    ASSERT_EQ(bits_of(found.momentum), std::bit_cast<std::uint32_t>(expected.momentum));
    ASSERT_EQ(bits_of(found.variance), std::bit_cast<std::uint32_t>(expected.variance));
  }
}

}  // namespace
}  // namespace ballast::gpu
