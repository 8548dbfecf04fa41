// What every device backend promises (src/ballast/device.hpp), as one suite.
//
// A backend's test names itself once:
//
//   INSTANTIATE_TEST_SUITE_P(host, device_conformance, ::testing::Values(device_maker{"host",
//   make}));
//
// Device memory is looked at through the links only, so a GPU passes the same cases. Include in one
// file of an executable.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <ballast/device.hpp>
#include <cstring>
#include <functional>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

namespace ballast {

struct device_maker {
  std::string name;
  std::function<result<std::unique_ptr<device>>(bytes capacity)> make;
};

class device_conformance : public ::testing::TestWithParam<device_maker> {
 protected:
  using buffer = std::vector<std::byte>;
  static constexpr bytes capacity{std::uint64_t{8} << 20};

  void SetUp() override {
    auto made = GetParam().make(capacity);
    ASSERT_TRUE(made) << made.error().message;
    device_ = std::move(*made);
  }

  static buffer pattern(std::size_t size, std::uint32_t seed) {
    buffer made(size);
    for (std::size_t i = 0; i < size; ++i) {
      made[i] = static_cast<std::byte>((i * 131 + seed * 7919 + (i >> 8)) & 0xFF);
    }
    return made;
  }

  std::span<std::byte> allocate(bytes size) {
    auto memory = device_->allocate(size);
    EXPECT_TRUE(memory) << memory.error().message;
    return memory ? *memory : std::span<std::byte>{};
  }

  void upload(std::span<const std::byte> target, buffer& source) {
    EXPECT_TRUE(device_->upload().submit({address_of(target), source}).wait());
  }

  buffer download(std::span<const std::byte> source) {
    buffer target(source.size(), std::byte{0xEE});
    EXPECT_TRUE(device_->download().submit({address_of(source), target}).wait());
    return target;
  }

  std::unique_ptr<device> device_;
};

TEST_P(device_conformance, keeps_its_cap) {
  EXPECT_EQ(device_->capacity(), capacity);
  EXPECT_EQ(device_->allocated(), bytes{0});
  const auto half = allocate(capacity / 2);
  EXPECT_EQ(device_->allocated(), capacity / 2);
  const auto refused = device_->allocate(capacity / 2 + bytes{1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::exhausted);
  EXPECT_NE(refused.error().message.find(std::to_string(capacity.value)), std::string::npos)
      << "the message holds the cap: " << refused.error().message;
  const auto rest = allocate(capacity / 2);
  EXPECT_EQ(device_->allocated(), capacity);
  EXPECT_FALSE(device_->allocate({1}));
  EXPECT_FALSE(device_->allocate({~std::uint64_t{0}})) << "no size is too large to be refused";
  device_->release(half);
  EXPECT_EQ(device_->allocated(), capacity / 2);
  device_->release(rest);
  EXPECT_EQ(device_->allocated(), bytes{0});
  device_->release(allocate(capacity));
}

TEST_P(device_conformance, joins_what_is_released) {
  std::vector<std::span<std::byte>> pieces;
  for (int i = 0; i < 8; ++i) pieces.push_back(allocate(capacity / 8));
  for (const int i : {3, 1, 5, 7, 0, 2, 6, 4}) {
    device_->release(pieces[static_cast<std::size_t>(i)]);
  }
  device_->release(allocate(capacity));
}

TEST_P(device_conformance, aligns_and_clears_memory_new_and_reused) {
  for (int round = 0; round < 3; ++round) {
    const auto first = allocate({1000});
    const auto second = allocate({70'001});
    for (const auto& memory : {first, second}) {
      EXPECT_EQ(address_of(memory).value % 256, 0u);
      const buffer seen = download(memory);
      EXPECT_TRUE(std::ranges::all_of(seen, [](std::byte b) { return b == std::byte{0}; }))
          << "round " << round;
      buffer dirt(memory.size(), std::byte{0x77});
      upload(memory, dirt);
    }
    device_->release(first);
    device_->release(second);
  }
}

TEST_P(device_conformance, copies_both_ways_at_every_size_and_offset) {
  const auto memory = allocate({2 << 20});
  for (const std::size_t size : {1, 2, 255, 256, 4096, 4097, 1 << 20}) {
    for (const std::size_t offset : {0, 1, 13}) {
      const auto target = memory.subspan(offset, size);
      buffer source = pattern(size, static_cast<std::uint32_t>(size + offset));
      const buffer before = download(memory);
      upload(target, source);
      EXPECT_EQ(download(target), source);
      buffer expected = before;
      std::ranges::copy(source, expected.begin() + static_cast<std::ptrdiff_t>(offset));
      EXPECT_EQ(download(memory), expected) << "nothing else is written";
    }
  }
}

TEST_P(device_conformance, completes_an_empty_transfer) {
  const auto memory = allocate({256});
  EXPECT_TRUE(device_->upload().submit({address_of(memory), {}}).wait());
}

TEST_P(device_conformance, does_not_confuse_what_is_allocated_at_once) {
  std::vector<std::span<std::byte>> pieces;
  std::vector<buffer> contents;
  for (std::uint32_t i = 0; i < 32; ++i) {
    pieces.push_back(allocate({1000 + i * 37}));
    contents.push_back(pattern(pieces.back().size(), i));
    upload(pieces.back(), contents.back());
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) EXPECT_EQ(download(pieces[i]), contents[i]);
}

TEST_P(device_conformance, completes_each_link_in_order_and_each_transfer_once) {
  constexpr std::size_t transfers = 500;
  const auto memory = allocate({64 << 10});
  struct record {
    std::mutex mutex;
    std::vector<std::size_t> order;
  } seen;
  struct entry {
    record* seen;
    std::size_t index;
  };
  std::vector<entry> entries(transfers);
  std::vector<buffer> sources;
  std::vector<ticket> tickets;
  for (std::size_t i = 0; i < transfers; ++i) {
    entries[i] = {&seen, i};
    sources.push_back(pattern(i % 3 == 0 ? 64 << 10 : 64, static_cast<std::uint32_t>(i)));
  }
  for (std::size_t i = 0; i < transfers; ++i) {
    const completion done = {[](void* context, const status& outcome) {
                               auto* own = static_cast<entry*>(context);
                               EXPECT_TRUE(outcome);
                               const std::lock_guard lock(own->seen->mutex);
                               own->seen->order.push_back(own->index);
                             },
                             &entries[i]};
    const auto urgency = static_cast<priority>(2 - i % 3);
    tickets.push_back(device_->upload().submit(
        {address_of(memory.first(sources[i].size())), sources[i], urgency, std::nullopt, done}));
  }
  for (const ticket& each : tickets) EXPECT_TRUE(each.wait());
  const std::lock_guard lock(seen.mutex);
  std::vector<std::size_t> expected(transfers);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  EXPECT_EQ(seen.order, expected) << "a ticket is over after its completion has run";
}

TEST_P(device_conformance, tells_by_poll_what_wait_tells) {
  const auto memory = allocate({4 << 20});
  buffer source = pattern(memory.size(), 9);
  const ticket hop = device_->upload().submit({address_of(memory), source});
  EXPECT_TRUE(hop.wait());
  ASSERT_TRUE(hop.poll().has_value());
  EXPECT_TRUE(*hop.poll());
  EXPECT_TRUE(hop.wait()) << "as often as asked";
}

TEST_P(device_conformance, leaves_a_buffer_alone_once_its_completion_has_run) {
  const auto memory = allocate({4 << 20});
  buffer source = pattern(memory.size(), 1);
  const buffer original = source;
  const completion spoil = {[](void* context, const status&) {
                              std::ranges::fill(*static_cast<buffer*>(context), std::byte{0xBB});
                            },
                            &source};
  const ticket up =
      device_->upload().submit({address_of(memory), source, priority::demand, std::nullopt, spoil});
  EXPECT_TRUE(up.wait());
  EXPECT_EQ(download(memory), original) << "the source was still being read";

  buffer target(memory.size());
  buffer seen_at_completion;
  struct pair {
    buffer* target;
    buffer* seen;
  } both{&target, &seen_at_completion};
  const completion keep = {[](void* context, const status&) {
                             auto* own = static_cast<pair*>(context);
                             *own->seen = *own->target;
                             std::ranges::fill(*own->target, std::byte{0xCC});
                           },
                           &both};
  const ticket down = device_->download().submit(
      {address_of(memory), target, priority::demand, std::nullopt, keep});
  EXPECT_TRUE(down.wait());
  EXPECT_EQ(seen_at_completion, original) << "the target was not complete";
  EXPECT_TRUE(std::ranges::all_of(target, [](std::byte b) { return b == std::byte{0xCC}; }))
      << "the target was written after its completion";
}

TEST_P(device_conformance, serves_several_threads_and_counts_every_byte) {
  constexpr std::size_t threads = 4;
  constexpr std::size_t rounds = 100;
  const link_counters up_before = device_->upload().counters();
  const link_counters down_before = device_->download().counters();
  std::atomic<std::uint64_t> moved{0};
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> workers;
    for (std::uint32_t worker = 0; worker < threads; ++worker) {
      const auto memory = allocate({200'000});
      workers.emplace_back([&, worker, memory] {
        for (std::uint32_t round = 0; round < rounds; ++round) {
          const std::size_t size = 1 + (round * 7919 + worker * 131) % memory.size();
          buffer source = pattern(size, worker * 1000 + round);
          buffer target(size);
          const tier_address address = address_of(memory.first(size));
          const ticket up = device_->upload().submit({address, source});
          if (!up.wait()) ++wrong;
          const ticket down = device_->download().submit({address, target});
          if (!down.wait() || target != source) ++wrong;
          moved += size;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  const link_counters up = device_->upload().counters();
  const link_counters down = device_->download().counters();
  EXPECT_EQ((up.moved - up_before.moved).value, moved.load());
  EXPECT_EQ((down.moved - down_before.moved).value, moved.load());
  EXPECT_EQ(up.transfers - up_before.transfers, threads * rounds);
  EXPECT_EQ(down.transfers - down_before.transfers, threads * rounds);
  EXPECT_GT(up.busy, up_before.busy);
}

TEST_P(device_conformance, names_its_links_by_their_verbs) {
  EXPECT_EQ(device_->upload().name(), "upload");
  EXPECT_EQ(device_->download().name(), "download");
}

TEST_P(device_conformance, orders_its_stream_with_its_links) {
  const auto first = allocate({100'000});
  const auto second = allocate({100'000});
  buffer source = pattern(first.size(), 4);
  const ticket hop = device_->upload().submit({address_of(first), source});
  EXPECT_TRUE(device_->order_after({}, hop));
  EXPECT_TRUE(device_->copy(second, first, {}));
  EXPECT_TRUE(device_->fill_zero(first.first(50'000), {}));
  EXPECT_TRUE(device_->order_links_after({}));
  EXPECT_EQ(download(second), source);
  buffer expected = source;
  std::fill_n(expected.begin(), 50'000, std::byte{0});
  EXPECT_EQ(download(first), expected);
}

TEST_P(device_conformance, drains_before_it_ends) {
  const auto memory = allocate({1 << 20});
  std::vector<buffer> sources(16, pattern(memory.size(), 2));
  std::atomic<int> completed{0};
  std::vector<ticket> tickets;
  for (buffer& source : sources) {
    const completion done = {
        [](void* context, const status&) { ++*static_cast<std::atomic<int>*>(context); },
        &completed};
    tickets.push_back(device_->upload().submit(
        {address_of(memory), source, priority::prefetch, std::nullopt, done}));
  }
  device_.reset();
  EXPECT_EQ(completed, 16);
  for (const ticket& each : tickets) EXPECT_TRUE(each.wait()) << "tickets outlive the device";
}

}  // namespace ballast
