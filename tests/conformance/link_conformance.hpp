// What every pair of links to one tier must do: upload and download, write and read.
//
// To be included by one file of a test executable, which hands over its backends as `link_case`s:
// INSTANTIATE_TEST_SUITE_P(name, link_conformance, Values(...)).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ballast/link.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/conformance/heard.hpp"

namespace ballast::testing {

/// Two links and a piece of the tier between them.
class link_rig {
 public:
  virtual ~link_rig() = default;
  virtual link& there() = 0;  ///< memory to tier
  virtual link& back() = 0;   ///< tier to memory
  virtual tier_address begin() const = 0;
  virtual bytes unit() const = 0;  ///< addresses and sizes are multiples of it
};

struct link_case {
  std::string name;
  std::function<std::unique_ptr<link_rig>(bytes size)> open;
};

class link_conformance : public ::testing::TestWithParam<link_case> {
 protected:
  static constexpr bytes space{std::uint64_t{16} << 20};

  void SetUp() override {
    rig_ = GetParam().open(space);
    ASSERT_NE(rig_, nullptr);
  }

  tier_address at(std::uint64_t offset) const { return rig_->begin() + bytes{offset}; }
  std::size_t unit() const { return rig_->unit().value; }

  void expect_moved(link& hop, tier_address address, std::span<std::byte> memory) {
    const auto outcome = hop.submit({address, memory}).wait();
    EXPECT_TRUE(outcome.has_value()) << outcome.error().message;
  }

  std::unique_ptr<link_rig> rig_;
};

TEST_P(link_conformance, moves_every_size_from_and_to_any_alignment) {
  std::uint64_t seed = 1;
  for (const std::size_t units : {1u, 2u, 3u, 17u, 255u, 256u, 257u, 1024u}) {
    for (const std::size_t misalignment : {0u, 1u, 8u, 64u, 511u, 512u, 4095u}) {
      SCOPED_TRACE(std::to_string(units) + " units, misaligned by " + std::to_string(misalignment));
      const std::size_t size = units * unit();
      guarded_buffer out(size, misalignment);
      guarded_buffer in(size, (misalignment * 7) % 4096);
      fill_pattern(out.span(), ++seed);
      const auto where = at((seed % 5) * unit());
      expect_moved(rig_->there(), where, out.span());
      expect_moved(rig_->back(), where, in.span());
      ASSERT_EQ(wrong_bytes(in.span(), seed), 0u);
      ASSERT_EQ(wrong_bytes(out.span(), seed), 0u) << "the source changed";
    }
  }
}

TEST_P(link_conformance, moves_ranges_while_the_caller_waits) {
  const std::size_t size = 5 * unit();
  guarded_buffer out(size, 3);
  guarded_buffer in(size, 7);
  fill_pattern(out.span(), 1);
  const auto ranges = [&](guarded_buffer& of) {
    return std::array{tier_range{at(0), of.span().first(2 * unit())},
                      tier_range{at(9 * unit()), of.span().subspan(2 * unit(), unit())},
                      tier_range{at(5 * unit()), of.span().last(2 * unit())}};
  };
  const auto before = rig_->there().counters();
  ASSERT_TRUE(rig_->there().move(ranges(out)).has_value());
  ASSERT_TRUE(rig_->back().move(ranges(in)).has_value());
  EXPECT_EQ(wrong_bytes(in.span(), 1), 0u);
  const auto after = rig_->there().counters();
  EXPECT_EQ((after.moved - before.moved).value, size);
  EXPECT_GT(after.transfers, before.transfers);
  EXPECT_GT(after.busy, before.busy);
  guarded_buffer alone(unit());
  expect_moved(rig_->back(), at(9 * unit()), alone.span());
  EXPECT_TRUE(std::ranges::equal(alone.span(), out.span().subspan(2 * unit(), unit())));
}

TEST_P(link_conformance, leaves_the_neighbours_alone) {
  guarded_buffer whole(3 * unit());
  fill_pattern(whole.span(), 1);
  expect_moved(rig_->there(), at(0), whole.span());
  guarded_buffer middle(unit(), 3);
  fill_pattern(middle.span(), 2);
  expect_moved(rig_->there(), at(unit()), middle.span());
  whole.repoison();
  expect_moved(rig_->back(), at(0), whole.span());
  EXPECT_EQ(wrong_bytes(whole.span().first(unit()), 1), 0u);
  EXPECT_EQ(wrong_bytes(whole.span().subspan(unit(), unit()), 2), 0u);
  EXPECT_EQ(wrong_bytes(whole.span().last(unit()), 1, 2 * unit()), 0u);
}

TEST_P(link_conformance, completes_exactly_once_and_before_wait_returns) {
  constexpr int count = 64;
  std::vector<guarded_buffer> buffers;
  std::vector<ticket> tickets;
  std::vector<heard> ears(count);
  for (int i = 0; i < count; ++i) buffers.emplace_back(unit(), static_cast<std::size_t>(i % 3));
  for (std::size_t i = 0; i < count; ++i) {
    tickets.push_back(rig_->there().submit(
        {.address = at(i * unit()), .memory = buffers[i].span(), .done = ears[i].done()}));
  }
  for (std::size_t i = count; i-- > 0;) {
    EXPECT_TRUE(tickets[i].wait().has_value());
    EXPECT_EQ(ears[i].calls, 1);
    EXPECT_TRUE(tickets[i].poll().has_value());
  }
  for (auto& ear : ears) {
    EXPECT_EQ(ear.calls, 1);
    EXPECT_EQ(ear.failures, 0);
  }
}

TEST_P(link_conformance, is_not_over_before_its_completion_has_run) {
  guarded_buffer buffer(unit());
  std::atomic<bool> ran = false;
  const completion slow{[](void* context, const status&) {
                          std::this_thread::sleep_for(std::chrono::milliseconds(20));
                          *static_cast<std::atomic<bool>*>(context) = true;
                        },
                        &ran};
  const auto held = rig_->there().submit({.address = at(0), .memory = buffer.span(), .done = slow});
  while (!held.poll().has_value()) std::this_thread::yield();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(held.wait().has_value());
}

TEST_P(link_conformance, poll_turns_true_without_a_wait) {
  guarded_buffer buffer(unit());
  const auto held = rig_->there().submit({at(0), buffer.span()});
  while (!held.poll().has_value()) std::this_thread::yield();
  EXPECT_TRUE(held.poll()->has_value());
}

TEST_P(link_conformance, a_dropped_ticket_cancels_nothing) {
  guarded_buffer out(unit());
  guarded_buffer in(unit());
  fill_pattern(out.span(), 9);
  heard ear;
  rig_->there().submit({.address = at(0), .memory = out.span(), .done = ear.done()});
  while (ear.calls == 0) std::this_thread::yield();
  expect_moved(rig_->back(), at(0), in.span());
  EXPECT_EQ(wrong_bytes(in.span(), 9), 0u);
}

TEST_P(link_conformance, a_completion_may_submit) {
  struct chain {
    link& hop;
    transfer next;
    std::atomic<int> left;
  };
  guarded_buffer buffer(unit());
  chain links{rig_->there(), {.address = at(0), .memory = buffer.span()}, 100};
  links.next.done = {[](void* context, const status& outcome) {
                       auto& self = *static_cast<chain*>(context);
                       EXPECT_TRUE(outcome.has_value());
                       if (--self.left > 0) self.hop.submit(self.next);
                     },
                     &links};
  links.hop.submit(links.next);
  while (links.left != 0) std::this_thread::yield();
  EXPECT_TRUE(rig_->there().submit({at(0), buffer.span()}).wait().has_value());
  EXPECT_EQ(links.left, 0);
}

TEST_P(link_conformance, an_empty_transfer_completes) {
  heard ear;
  EXPECT_TRUE(rig_->there()
                  .submit({.address = at(0), .memory = {}, .done = ear.done()})
                  .wait()
                  .has_value());
  EXPECT_TRUE(
      rig_->back().submit({.address = at(0), .memory = {}, .done = ear.done()}).wait().has_value());
  EXPECT_EQ(ear.calls, 2);
}

TEST_P(link_conformance, counts_what_it_moved) {
  const auto before = rig_->there().counters();
  guarded_buffer buffer(4 * unit(), 5);
  expect_moved(rig_->there(), at(0), buffer.span());
  expect_moved(rig_->there(), at(unit()), buffer.span().first(unit()));
  const auto after = rig_->there().counters();
  EXPECT_EQ(after.moved - before.moved, bytes{5 * unit()});
  EXPECT_EQ(after.transfers - before.transfers, 2u);
  EXPECT_GT(after.busy.count(), before.busy.count());
  const auto back = rig_->back().counters();
  expect_moved(rig_->back(), at(0), buffer.span());
  EXPECT_EQ(rig_->back().counters().moved - back.moved, bytes{4 * unit()});
  EXPECT_EQ(rig_->there().counters().moved, after.moved);
}

TEST_P(link_conformance, serves_many_threads_in_both_directions_at_once) {
  constexpr std::size_t workers = 4;
  constexpr std::size_t rounds = 24;
  const std::size_t size = 16 * unit();
  std::atomic<std::size_t> wrong = 0;
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      guarded_buffer out(size, worker * 3);
      guarded_buffer in(size, worker * 512);
      for (std::size_t round = 0; round < rounds; ++round) {
        const auto where = at((worker * rounds + round) * size);
        fill_pattern(out.span(), worker * 1000 + round);
        in.repoison();
        const auto urgency = static_cast<priority>(round % 3);
        if (!rig_->there().submit({where, out.span(), urgency}).wait()) ++wrong;
        if (!rig_->back().submit({where, in.span(), urgency}).wait()) ++wrong;
        wrong += wrong_bytes(in.span(), worker * 1000 + round);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace ballast::testing
