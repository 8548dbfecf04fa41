// Does the GPU's device, on the recorded runtime, pass what every device promises, and report what
// goes wrong below it?
#include "gpu/cuda_device.hpp"

#include "tests/conformance/device_conformance.hpp"
#include "tests/conformance/link_conformance.hpp"
#include "tests/gpu/adding_arithmetic.hpp"
#include "tests/gpu/recording_runtime.hpp"

namespace ballast {
namespace {

using testing::link_conformance;

constexpr bytes gpu_memory{std::uint64_t{32} << 20};

gpu::adding_arithmetic arithmetic;

std::shared_ptr<gpu::recording_runtime> record() {
  return std::make_shared<gpu::recording_runtime>(arithmetic, gpu_memory);
}

result<std::unique_ptr<device>> open(bytes capacity) {
  return gpu::make_device_on(record(), capacity);
}

INSTANTIATE_TEST_SUITE_P(Gpu, device_conformance,
                         ::testing::Values(device_maker{"recorded_gpu", open}),
                         [](const auto& made) { return made.param.name; });

class device_rig final : public testing::link_rig {
 public:
  explicit device_rig(bytes size)
      : device_(std::move(open(gpu_memory).value())), memory_(device_->allocate(size).value()) {}
  link& there() override { return device_->upload(); }
  link& back() override { return device_->download(); }
  tier_address begin() const override { return address_of(memory_); }
  bytes unit() const override { return {1}; }

 private:
  std::unique_ptr<device> device_;
  std::span<std::byte> memory_;
};

INSTANTIATE_TEST_SUITE_P(Gpu, link_conformance,
                         ::testing::Values(testing::link_case{
                             "recorded_gpu",
                             [](bytes size) { return std::make_unique<device_rig>(size); }}),
                         [](const auto& made) { return made.param.name; });

TEST(GpuDevice, refuses_a_cap_that_the_gpu_does_not_hold) {
  const auto refused = open(gpu_memory + bytes{1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::exhausted);
  EXPECT_NE(refused.error().message.find(std::to_string(gpu_memory.value)), std::string::npos)
      << refused.error().message;
}

TEST(GpuDevice, is_not_opened_on_a_runtime_without_streams) {
  const auto calls = record();
  calls->fail_next("make_stream");
  EXPECT_FALSE(gpu::make_device_on(calls, {4096}));
}

TEST(GpuDevice, says_what_it_is) {
  const auto device = std::move(open({4096}).value());
  EXPECT_EQ(device->name(), "recorded GPU");
  EXPECT_EQ(device->updates().name(), "sm_90");
  EXPECT_FALSE(device->host_addressable());
}

TEST(GpuDevice, gives_memory_back_at_its_end) {
  const auto calls = record();
  auto device = std::move(gpu::make_device_on(calls, gpu_memory).value());
  ASSERT_TRUE(device->allocate({1000}));
  ASSERT_TRUE(device->allocate({2000}));
  EXPECT_EQ(calls->pieces(), 2u);
  device.reset();
  EXPECT_EQ(calls->pieces(), 0u);
}

TEST(GpuDevice, a_failed_clearing_gives_the_memory_back) {
  const auto calls = record();
  const auto device = std::move(gpu::make_device_on(calls, gpu_memory).value());
  calls->fail_next("fill_zero");
  EXPECT_FALSE(device->allocate({1000}));
  EXPECT_EQ(calls->pieces(), 0u);
  EXPECT_EQ(device->allocated(), bytes{0});
  EXPECT_TRUE(device->allocate({1000}));
}

TEST(GpuDevice, a_transfer_that_fails_tells_ticket_completion_and_every_later_call) {
  for (const std::string verb : {"upload", "make_event", "record", "wait"}) {
    SCOPED_TRACE(verb);
    const auto calls = record();
    const auto device = std::move(gpu::make_device_on(calls, gpu_memory).value());
    const auto memory = device->allocate({256}).value();
    std::vector<std::byte> source(256);
    testing::heard ear;
    calls->fail_next(verb);
    const ticket hop = device->upload().submit(
        {.address = address_of(memory), .memory = source, .done = ear.done()});
    const status outcome = hop.wait();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, errc::device_failure);
    EXPECT_EQ(ear.calls, 1);
    EXPECT_EQ(ear.failures, 1);
    EXPECT_EQ(device->upload().counters().moved, bytes{0});
    EXPECT_FALSE(device->order_after({}, hop));
    EXPECT_FALSE(device->order_links_after({}));
    EXPECT_FALSE(device->upload().submit({address_of(memory), source}).wait());
  }
}

TEST(GpuDevice, a_launch_that_fails_is_reported_by_the_next_call) {
  const auto calls = record();
  const auto device = std::move(gpu::make_device_on(calls, gpu_memory).value());
  std::uint32_t findings = 0;
  calls->fail_next("update");
  device->updates().update({}, {}, findings, {});
  const status told = device->order_links_after({});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message, "update was made to fail");
}

TEST(GpuDevice, a_transfer_outside_its_memory_is_a_contract_failure) {
  const auto device = std::move(open({4096}).value());
  const auto memory = device->allocate({512}).value();
  std::vector<std::byte> source(256);
  const tier_address past = address_of(memory) + bytes{257};
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH((void)device->upload().submit({past, source}), "stays inside memory");
  EXPECT_DEATH((void)device->upload().submit({{16}, source}), "stays inside memory");
}

}  // namespace
}  // namespace ballast
