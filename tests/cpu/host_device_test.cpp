// Does the host device pass what every device promises, and reuse its transfer states?
#include <cpu/copy_link.hpp>
#include <cpu/host_device.hpp>

#include "tests/conformance/device_conformance.hpp"

namespace ballast {
namespace {

INSTANTIATE_TEST_SUITE_P(host, device_conformance,
                         ::testing::Values(device_maker{"host",
                                                        [](bytes capacity) {
                                                          return cpu::make_host_device(
                                                              capacity, instruction_set::automatic);
                                                        }}),
                         [](const auto& param_info) { return param_info.param.name; });

TEST(host_device, refuses_what_the_machine_cannot_hold) {
  const auto refused = cpu::make_host_device({std::uint64_t{1} << 50}, instruction_set::automatic);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::exhausted);
}

TEST(host_device, updates_in_place_what_was_uploaded) {
  auto device = std::move(cpu::make_host_device({1 << 20}, instruction_set::automatic).value());
  ASSERT_TRUE(device->host_addressable());
  std::vector<float> values(100, 1.0f);
  const auto memory = *device->allocate({sizeof(float) * 100});
  const auto source = std::as_writable_bytes(std::span(values));
  ASSERT_TRUE(device->order_after({}, device->upload().submit({address_of(memory), source})));
  device->updates().accumulate({reinterpret_cast<float*>(memory.data()), 100}, values, {});
  ASSERT_TRUE(device->download().submit({address_of(memory), source}).wait());
  EXPECT_EQ(values[99], 2.0f);
}

TEST(copy_thread, needs_as_many_states_as_were_in_flight_at_once) {
  std::vector<std::byte> from(64);
  std::vector<std::byte> to(64);
  const auto counters = std::make_shared<cpu::copy_counters>();
  cpu::copy_thread thread;
  const auto ten_transfers = [&] {
    std::vector<ticket> tickets;
    for (int i = 0; i < 10; ++i) tickets.push_back(thread.submit(to, from, {}, counters));
    for (const ticket& each : tickets) EXPECT_TRUE(each.wait());
  };
  for (int round = 0; round < 100; ++round) ten_transfers();
  // One more than in flight: the thread may still hold the last one as the next round begins.
  EXPECT_LE(thread.pooled(), 11u);
  EXPECT_EQ(counters->moved.transfers, 1000u);
}

}  // namespace
}  // namespace ballast
