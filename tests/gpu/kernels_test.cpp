// The kernels on a real GPU against the scalar reference: every bit of state, gradient, sums,
// findings.
#include "gpu/kernels.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "cpu/adamw_reference.hpp"
#include "gpu/errors.hpp"

namespace ballast::gpu {
namespace {

namespace reference = cpu::reference;
using buffer = std::vector<std::byte>;

/// Device memory with the contents of a buffer.
class device_copy {
 public:
  explicit device_copy(const buffer& from) : size_(from.size()) {
    EXPECT_TRUE(checked(cudaMalloc(&memory_, size_), "allocating"));
    EXPECT_TRUE(checked(cudaMemcpy(memory_, from.data(), size_, cudaMemcpyHostToDevice), "upload"));
  }
  ~device_copy() { (void)cudaFree(memory_); }
  device_copy(const device_copy&) = delete;
  device_copy& operator=(const device_copy&) = delete;

  template <class Value = std::byte>
  Value* as() const {
    return static_cast<Value*>(memory_);
  }
  buffer content() const {
    buffer seen(size_);
    EXPECT_TRUE(
        checked(cudaMemcpy(seen.data(), memory_, size_, cudaMemcpyDeviceToHost), "download"));
    return seen;
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_;
};

/// Values of the size that training sees, and now and then any pattern at all.
buffer floats(std::size_t count, std::uint64_t seed, bool wild = true) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 0.02F);
  buffer made(count * sizeof(float));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    const auto pattern = static_cast<std::uint32_t>(random());
    std::memcpy(&made[i * sizeof(float)],
                wild && i % 64 == 63 ? static_cast<const void*>(&pattern) : &value, sizeof value);
  }
  return made;
}

std::span<const float> as_floats(const buffer& from) {
  return {reinterpret_cast<const float*>(from.data()), from.size() / sizeof(float)};
}

std::uint32_t word_of(const buffer& from) {
  std::uint32_t word = 0;
  std::memcpy(&word, from.data(), sizeof word);
  return word;
}

constexpr std::size_t count = 3 * 4096 + 77;

class UpdateKernel : public testing::TestWithParam<encoding> {};

TEST_P(UpdateKernel, EqualsTheReference) {
  const encoding stored = GetParam();
  const element_layout layout = *layout_of(stored);
  buffer weights(count * size_of(layout.weights).value);
  buffer residual(count * layout.residual.value);
  buffer momentum = floats(count, 2), variance = floats(count, 3);
  buffer gradient(count * size_of(layout.weights).value);
  std::vector<double> sums(4);
  std::uint32_t expected_findings = 0;
  state_view view{.weights = weights.data(), .residual = residual.data(), .count = {count}};
  reference::encode_master(stored, as_floats(floats(count, 1)), view, expected_findings);
  reference::encode_gradient(as_floats(floats(count, 4)), layout.weights, gradient.data(), sums,
                             expected_findings);
  const device_copy on_device[] = {device_copy(weights),  device_copy(residual),
                                   device_copy(momentum), device_copy(variance),
                                   device_copy(gradient), device_copy(buffer(4))};
  const adamw_scalars scalars = make_adamw_scalars({}, 1e-3, 3, 0.5);
  const state_view there{on_device[0].as(), on_device[1].as(), on_device[2].as(),
                         on_device[3].as(), on_device[4].as(), {count}};
  ASSERT_TRUE(launch_update(stored, scalars, there, on_device[5].as<std::uint32_t>(), {}));

  expected_findings = 0;
  view.momentum = momentum.data();
  view.variance = variance.data();
  view.gradient = gradient.data();
  reference::update(stored, scalars, view, expected_findings);
  EXPECT_EQ(on_device[0].content(), weights);
  EXPECT_EQ(on_device[1].content(), residual);
  EXPECT_EQ(on_device[2].content(), momentum);
  EXPECT_EQ(on_device[3].content(), variance);
  EXPECT_EQ(word_of(on_device[5].content()), expected_findings);
}

INSTANTIATE_TEST_SUITE_P(Encodings, UpdateKernel, testing::Values(encoding::fp32, encoding::exact),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST(GradientKernel, EqualsTheReference) {
  for (const dtype type : {dtype::f32, dtype::bf16}) {
    for (const bool wild : {false, true}) {
      const buffer source = floats(count, 5, wild);
      const device_copy from(source), target(buffer(count * size_of(type).value)),
          sums(buffer(4 * sizeof(double))), findings(buffer(4));
      ASSERT_TRUE(launch_encode_gradient({from.as<float>(), count}, type, target.as(),
                                         {sums.as<double>(), 4}, findings.as<std::uint32_t>(), {}));
      buffer expected(count * size_of(type).value);
      std::vector<double> expected_sums(4);
      std::uint32_t expected_findings = 0;
      reference::encode_gradient(as_floats(source), type, expected.data(), expected_sums,
                                 expected_findings);
      EXPECT_EQ(target.content(), expected);
      const buffer seen = sums.content();
      EXPECT_EQ(std::memcmp(seen.data(), expected_sums.data(), seen.size()), 0);
      EXPECT_EQ(word_of(findings.content()), expected_findings);
    }
  }
}

TEST(AccumulationKernel, EqualsTheReference) {
  buffer into = floats(count, 6);
  const buffer from = floats(count, 7);
  const device_copy sums(into), added(from);
  ASSERT_TRUE(launch_accumulate({sums.as<float>(), count}, {added.as<float>(), count}, {}));
  reference::accumulate({reinterpret_cast<float*>(into.data()), count}, as_floats(from));
  EXPECT_EQ(sums.content(), into);
}

}  // namespace
}  // namespace ballast::gpu
