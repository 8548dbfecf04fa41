// Which call comes after which: a step enqueued on the recorded runtime, then run in the order that
// a missing event least expects. No host thread waits between the calls.
#include <gtest/gtest.h>

#include <algorithm>

#include "gpu/cuda_device.hpp"
#include "gpu/stream.hpp"
#include "tests/gpu/adding_arithmetic.hpp"
#include "tests/gpu/recording_runtime.hpp"

namespace ballast::gpu {
namespace {

constexpr std::size_t count = 300;

class GpuCallOrder : public testing::Test {
 protected:
  void SetUp() override {
    device_ = std::move(make_device_on(calls_, {1 << 20}).value());
    weights_ = device_->allocate({count * sizeof(float)}).value();
    gradient_ = device_->allocate({count * sizeof(float)}).value();
    sums_ = device_->allocate({sizeof(double)}).value();
    compute_ = calls_->make_stream(stream_role::compute).value();
    calls_->hold();
  }
  void TearDown() override { calls_->proceed(); }

  static std::span<std::byte> bytes_of(std::vector<float>& values) {
    return std::as_writable_bytes(std::span(values));
  }
  ticket upload(std::span<std::byte> to, std::vector<float>& from) {
    return device_->upload().submit({address_of(to), bytes_of(from)});
  }
  ticket download(std::vector<float>& to, std::span<std::byte> from) {
    return device_->download().submit({address_of(from), bytes_of(to)});
  }
  /// weights += gradient
  void update() {
    const state_view view{
        .weights = weights_.data(), .gradient = gradient_.data(), .count = {count}};
    device_->updates().update({}, view, findings_, compute_);
  }
  void run() {
    calls_->run_last_first();
    calls_->proceed();
  }
  /// Where `call` stands in the log for the n-th time, n from 0.
  std::ptrdiff_t position(const std::string& call, int n = 0) const {
    const auto log = calls_->log();
    auto at = log.begin();
    for (at = std::find(at, log.end(), call); n > 0 && at != log.end(); --n) {
      at = std::find(at + 1, log.end(), call);
    }
    EXPECT_NE(at, log.end()) << call;
    return at - log.begin();
  }

  adding_arithmetic arithmetic_;
  std::shared_ptr<recording_runtime> calls_ =
      std::make_shared<recording_runtime>(arithmetic_, bytes{4 << 20});
  std::unique_ptr<device> device_;
  std::span<std::byte> weights_;
  std::span<std::byte> gradient_;
  std::span<std::byte> sums_;
  stream_ref compute_;
  std::uint32_t findings_ = 0;
  std::vector<float> two_ = std::vector<float>(count, 2);
  std::vector<float> three_ = std::vector<float>(count, 3);
  std::vector<float> seen_ = std::vector<float>(count, -1);
};

TEST_F(GpuCallOrder, AnUpdateFollowsItsUploadsAndADownloadTheUpdate) {
  (void)upload(weights_, two_);
  const ticket last = upload(gradient_, three_);
  ASSERT_TRUE(device_->order_after(compute_, last));
  update();
  ASSERT_TRUE(device_->order_links_after(compute_));
  const ticket down = download(seen_, weights_);
  EXPECT_FALSE(down.poll()) << "nothing has run, and no call has waited for it";
  run();
  ASSERT_TRUE(down.wait());
  EXPECT_EQ(seen_, std::vector<float>(count, 5));
  EXPECT_EQ(findings_, found_weight_overflow);

  EXPECT_LT(position("upload upload", 1), position("order compute after upload"));
  EXPECT_LT(position("order compute after upload"), position("update compute"));
  EXPECT_LT(position("update compute"), position("order download after compute"));
  EXPECT_LT(position("order download after compute"), position("download download"));
}

TEST_F(GpuCallOrder, TheRecordedRuntimeShowsAnUpdateThatIsNotOrdered) {
  (void)upload(weights_, two_);
  const ticket last = upload(gradient_, three_);
  update();
  const ticket down = download(seen_, weights_);
  run();
  ASSERT_TRUE(last.wait());
  ASSERT_TRUE(down.wait());
  EXPECT_EQ(seen_, std::vector<float>(count, 0)) << "the download came first, as it may";
}

TEST_F(GpuCallOrder, ABufferIsNotReusedBeforeItsDownloadIsOver) {
  ASSERT_TRUE(device_->order_after(compute_, upload(weights_, two_)));
  ASSERT_TRUE(device_->order_links_after(compute_));
  const ticket down = download(seen_, weights_);
  ASSERT_TRUE(device_->order_after(compute_, down));
  ASSERT_TRUE(device_->fill_zero(weights_, compute_));
  run();
  ASSERT_TRUE(down.wait());
  EXPECT_EQ(seen_, two_) << "cleared while it was being read";
  EXPECT_LT(position("order compute after download"), position("fill_zero compute"));
}

TEST_F(GpuCallOrder, AnUploadIntoABufferWaitsForTheWorkThatReadsIt) {
  ASSERT_TRUE(device_->order_after(compute_, upload(weights_, two_)));
  ASSERT_TRUE(device_->copy(gradient_, weights_, compute_));
  ASSERT_TRUE(device_->order_links_after(compute_));
  (void)upload(weights_, three_);
  ASSERT_TRUE(device_->order_links_after(compute_));
  const ticket down = download(seen_, gradient_);
  run();
  ASSERT_TRUE(down.wait());
  EXPECT_EQ(seen_, two_) << "overwritten before it was copied";
}

TEST_F(GpuCallOrder, ACopyOnOneStreamIsSeenByAnotherThroughTheLinksOrderAlone) {
  const stream_ref other = calls_->make_stream(stream_role::collective).value();
  ASSERT_TRUE(device_->order_after(compute_, upload(weights_, two_)));
  ASSERT_TRUE(device_->copy(gradient_, weights_, compute_));
  ASSERT_TRUE(device_->order_links_after(compute_));
  const ticket down = download(seen_, gradient_);
  ASSERT_TRUE(device_->order_after(other, down));
  ASSERT_TRUE(device_->fill_zero(gradient_, other));
  run();
  ASSERT_TRUE(down.wait());
  EXPECT_EQ(seen_, two_);
}

TEST_F(GpuCallOrder, GradientPassesRunInTheOrderOfTheirStream) {
  const auto as_floats = [](std::span<std::byte> memory) {
    return std::span(reinterpret_cast<float*>(memory.data()), count);
  };
  (void)upload(weights_, two_);
  ASSERT_TRUE(device_->order_after(compute_, upload(gradient_, three_)));
  device_->updates().accumulate(as_floats(weights_), as_floats(gradient_), compute_);
  device_->updates().encode_gradient(as_floats(weights_), dtype::f32, gradient_.data(),
                                     {reinterpret_cast<double*>(sums_.data()), 1}, findings_,
                                     compute_);
  ASSERT_TRUE(device_->order_links_after(compute_));
  const ticket down = download(seen_, gradient_);
  run();
  ASSERT_TRUE(down.wait());
  EXPECT_EQ(seen_, std::vector<float>(count, 5));
}

TEST_F(GpuCallOrder, EventsAreUsedAgain) {
  calls_->proceed();
  for (int round = 0; round < 50; ++round) {
    const ticket hop = upload(weights_, two_);
    ASSERT_TRUE(device_->order_after(compute_, hop));
    ASSERT_TRUE(device_->order_links_after(compute_));
    ASSERT_TRUE(hop.wait());
  }
  const auto log = calls_->log();
  EXPECT_LE(std::ranges::count(log, "make_event -"), 4);
}

TEST(GpuStateByValue, IsReadAfterWorkOnAnyStreamAndKeepsTheOtherArrays) {
  adding_arithmetic arithmetic;
  const auto calls = std::make_shared<recording_runtime>(arithmetic, bytes{4 << 20});
  const auto device =
      std::move(make_device_on(calls, {1 << 20}, std::make_unique<adding_arithmetic>()).value());
  const stream_ref compute = calls->make_stream(stream_role::compute).value();
  const auto array = [&] { return device->allocate({count * sizeof(float)}).value().data(); };
  state_view view{.weights = array(),
                  .momentum = array(),
                  .variance = array(),
                  .gradient = array(),
                  .count = {count}};
  std::uint32_t findings = 0;
  std::vector<float> master(count, 4);
  std::vector<float> moment(count, 7);
  device->updates().encode_master(encoding::fp32, master, view, findings);
  device->updates().encode_moment(encoding::fp32, state_part::variance, moment, view);
  device->updates().encode_moment(encoding::fp32, state_part::momentum, master, view);
  view.gradient = view.variance;
  device->updates().update({}, view, findings, compute);
  std::vector<float> seen(count);
  device->updates().decode_master(encoding::fp32, view, seen);
  EXPECT_EQ(seen, std::vector<float>(count, 11)) << "the update was on its way";
  device->updates().decode_moment(encoding::fp32, state_part::momentum, view, seen);
  EXPECT_EQ(seen, master);
  device->updates().decode_moment(encoding::fp32, state_part::variance, view, seen);
  EXPECT_EQ(seen, moment);
  EXPECT_TRUE(device->order_links_after(compute));
}

}  // namespace
}  // namespace ballast::gpu
