// What the kernels behind a runtime promise: every bit of state, gradient, sums and findings is the
// scalar reference's, and nothing else is written. One suite for the GPU and for the recorded
// runtime, whose kernels are the CPU's: so the suite itself is tested where there is no GPU.
//
// Include in one file of an executable, which defines runtime_under_test() and sizes_under_test().
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/rounding.hpp>
#include <cstring>
#include <memory>
#include <tuple>

#include "cpu/reference.hpp"
#include "gpu/stream.hpp"
#include "tests/gpu/awkward_state.hpp"

namespace ballast::gpu {

/// A fresh one each time, or the one of this machine.
std::shared_ptr<runtime> runtime_under_test();
/// Element counts of the runs.
std::vector<std::size_t> sizes_under_test();

/// Bytes of host memory, copied to device memory that begins `misalignment` bytes past a multiple
/// of 256, between guards that nobody may write.
class device_piece {
 public:
  device_piece(runtime& calls, stream_ref stream, const buffer& content, std::size_t misalignment)
      : calls_(calls), stream_(stream), front_(guard + misalignment), size_(content.size()) {
    image_.assign(front_ + size_ + guard, std::byte{0x5C});
    std::ranges::copy(content, image_.begin() + static_cast<std::ptrdiff_t>(front_));
    memory_ = {calls_.allocate({image_.size()}).value(), image_.size()};
    EXPECT_TRUE(calls_.upload(memory_, image_, stream_));
    EXPECT_TRUE(calls_.wait(stream_));
  }
  ~device_piece() { calls_.free(memory_.data()); }
  device_piece(const device_piece&) = delete;
  device_piece& operator=(const device_piece&) = delete;

  std::byte* data() const { return memory_.data() + front_; }
  template <class Value>
  std::span<Value> as() const {
    return {reinterpret_cast<Value*>(data()), size_ / sizeof(Value)};
  }

  /// Compares with `expected`, byte by byte, once the stream has come here.
  void expect(const buffer& expected, const char* what) {
    std::ranges::copy(expected, image_.begin() + static_cast<std::ptrdiff_t>(front_));
    buffer seen(image_.size());
    EXPECT_TRUE(calls_.download(seen, memory_, stream_));
    EXPECT_TRUE(calls_.wait(stream_));
    const auto [found, wanted] = std::ranges::mismatch(seen, image_);
    EXPECT_EQ(found, seen.end()) << what << " differs at byte "
                                 << found - seen.begin() - static_cast<std::ptrdiff_t>(front_)
                                 << " of " << size_;
  }

 private:
  static constexpr std::size_t guard = 256;
  runtime& calls_;
  stream_ref stream_;
  std::size_t front_;
  std::size_t size_;
  buffer image_;
  std::span<std::byte> memory_;
};

/// One word of pinned memory.
class pinned_findings {
 public:
  explicit pinned_findings(runtime& calls)
      : calls_(calls), memory_(calls.allocate_pinned({sizeof(std::uint32_t)}).value()) {
    word() = 0;
  }
  ~pinned_findings() { calls_.free_pinned(memory_); }
  pinned_findings(const pinned_findings&) = delete;
  pinned_findings& operator=(const pinned_findings&) = delete;
  std::uint32_t& word() { return *reinterpret_cast<std::uint32_t*>(memory_); }

 private:
  runtime& calls_;
  std::byte* memory_;
};

inline optimizer_options options_of(optimizer which) {
  switch (which) {
    case optimizer::adamw: return adamw_options{};
    case optimizer::adam: return adam_options{.weight_decay = 0.01};
    case optimizer::sgd: return sgd_options{.nesterov = true, .weight_decay = 0.01};
  }
  return {};
}

class kernel_conformance : public testing::Test {
 protected:
  std::shared_ptr<runtime> calls_ = runtime_under_test();
  stream stream_ = std::move(stream::make(*calls_, stream_role::compute).value());
};

class update_conformance
    : public kernel_conformance,
      public testing::WithParamInterface<std::tuple<encoding, optimizer, dtype>> {
 protected:
  void compare(std::size_t count, std::size_t misalignment) {
    SCOPED_TRACE(std::to_string(count) + " elements, misaligned by " +
                 std::to_string(misalignment));
    const auto [stored, with, gradient] = GetParam();
    awkward_state host(stored, with, gradient, count);
    host.view.first = {128 * 5};
    state_view there = host.view;
    std::vector<std::unique_ptr<device_piece>> pieces;
    for (std::size_t part = 0; part < state_arrays.size(); ++part) {
      pieces.push_back(
          std::make_unique<device_piece>(*calls_, stream_.view(), host.arrays[part], misalignment));
      there.*state_arrays[part] = host.arrays[part].empty() ? nullptr : pieces.back()->data();
    }
    const device_piece gradients(*calls_, stream_.view(), host.gradient, misalignment);
    there.gradient = gradients.data();
    pinned_findings findings(*calls_);
    std::uint32_t expected_findings = 0;
    for (std::uint64_t step = 1; step <= 3; ++step) {
      const update_recipe recipe{stored, gradient, make_scalars(options_of(with), 1e-3, step, 0.5),
                                 arithmetic::noise_key(7, step)};
      ASSERT_TRUE(calls_->update(recipe, there, &findings.word(), stream_.view()));
      cpu::reference::update(recipe, host.view, expected_findings);
    }
    ASSERT_TRUE(stream_.wait());
    for (std::size_t part = 0; part < state_arrays.size(); ++part) {
      pieces[part]->expect(host.arrays[part], state_array_names[part]);
    }
    EXPECT_EQ(findings.word(), expected_findings);
  }
};

TEST_P(update_conformance, equals_the_reference) {
  for (const std::size_t count : sizes_under_test()) {
    compare(count, 0);
  }
}

TEST_P(update_conformance, equals_the_reference_at_any_alignment) {
  for (const std::size_t misalignment : {1, 2, 4, 8}) {
    compare(4097, misalignment);
  }
}

inline std::string update_case_name(
    const testing::TestParamInfo<update_conformance::ParamType>& info) {
  const auto [stored, with, gradient] = info.param;
  return std::string(to_string(stored)) + "_" + std::string(to_string(with)) + "_" +
         std::string(to_string(gradient));
}

inline auto every_update() {
  using testing::Values;
  return testing::Combine(
      Values(encoding::fp32, encoding::exact, encoding::fp16, encoding::bf16, encoding::int8),
      Values(optimizer::adamw, optimizer::adam, optimizer::sgd),
      Values(dtype::f32, dtype::bf16, dtype::f16));
}

class gradient_conformance : public kernel_conformance,
                             public testing::WithParamInterface<dtype> {};

TEST_P(gradient_conformance, rounds_sums_and_checks_as_the_reference) {
  for (const std::size_t count : sizes_under_test()) {
    for (const bool wild : {false, true}) {
      SCOPED_TRACE(std::to_string(count) + (wild ? " wild" : " tame") + " elements");
      const std::vector<float> source = awkward_floats(count, 5, wild ? 64 : 0);
      const std::size_t blocks = count_up(elements{count}, block_elements);
      buffer target(count * size_of(GetParam()).value);
      std::vector<double> sums(blocks);
      std::uint32_t expected_findings = 0;
      cpu::reference::encode_gradient(source, GetParam(), target.data(), sums, expected_findings);

      device_piece from(*calls_, stream_.view(), as_buffer(source), 0);
      device_piece to(*calls_, stream_.view(), buffer(target.size()), 0);
      device_piece squares(*calls_, stream_.view(), buffer(blocks * sizeof(double)), 0);
      pinned_findings findings(*calls_);
      ASSERT_TRUE(calls_->encode_gradient(from.as<const float>(), GetParam(), to.data(),
                                          squares.as<double>(), &findings.word(), stream_.view()));
      to.expect(target, "gradient");
      squares.expect(as_buffer(sums), "block sums");
      from.expect(as_buffer(source), "source");
      EXPECT_EQ(findings.word(), expected_findings);
    }
  }
}

TEST_P(gradient_conformance, widens_and_unscales) {
  for (const std::size_t misalignment : {0, 2}) {
    const std::size_t count = 4097;
    const buffer source = gradient_of(GetParam(), count, state_values::wild);
    std::vector<float> expected(count);
    for (std::size_t i = 0; i < count; ++i) {
      expected[i] = arithmetic::canonical(0x1p-10F * element_of(source, GetParam(), i));
    }
    device_piece from(*calls_, stream_.view(), source, misalignment);
    device_piece to(*calls_, stream_.view(), buffer(count * sizeof(float)), 4 * misalignment);
    ASSERT_TRUE(
        calls_->decode_gradient(from.data(), GetParam(), 0x1p-10F, to.as<float>(), stream_.view()));
    to.expect(as_buffer(expected), "widened gradient");
  }
}

class GpuAccumulation : public kernel_conformance {};

TEST_F(GpuAccumulation, equals_the_reference) {
  for (const std::size_t count : sizes_under_test()) {
    std::vector<float> into = awkward_floats(count, 6, 64);
    const std::vector<float> from = awkward_floats(count, 7, 64);
    for (const std::size_t misalignment : {0, 4}) {
      device_piece sums(*calls_, stream_.view(), as_buffer(into), misalignment);
      device_piece added(*calls_, stream_.view(), as_buffer(from), 0);
      ASSERT_TRUE(calls_->accumulate(sums.as<float>(), added.as<const float>(), stream_.view()));
      cpu::reference::accumulate(into, from);
      sums.expect(as_buffer(into), "sums");
    }
  }
}

}  // namespace ballast::gpu
