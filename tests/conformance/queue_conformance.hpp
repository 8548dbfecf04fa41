// What every queue behind the store's I/O seam must do, seen from the one thread that uses it. To be
// included by one file of an executable, which hands over its queues as `queue_case`s.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <nvme/file_descriptor.hpp>
#include <nvme/io_queue.hpp>
#include <thread>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/faults/owned_opener.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::testing {

struct queue_case {
  std::string name;
  std::function<faults::owned_opener()> make;
};

/// Two files of 1 MiB, unnamed, and a queue on them.
class queue_conformance : public ::testing::TestWithParam<queue_case> {
 protected:
  using io_op = nvme::io_op;
  static constexpr std::uint32_t depth = 8;
  static constexpr std::size_t unit = 4096;
  static constexpr std::size_t file_size = std::size_t{1} << 20;
  static constexpr nanoseconds patience = std::chrono::seconds(20);

  void SetUp() override {
    for (auto& file : files_) {
      file = nvme::file_descriptor(::open(folder_.path().c_str(), O_RDWR | O_TMPFILE, 0600));
      ASSERT_TRUE(file.valid());
      ASSERT_EQ(::posix_fallocate(file.get(), 0, file_size), 0);
    }
    const std::array descriptors{files_[0].get(), files_[1].get()};
    made_ = GetParam().make();
    auto opened = made_.open({.files = descriptors, .registered = {}, .depth = depth});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    queue_ = std::move(opened).value();
  }

  void submit(io_op op, std::uint32_t file, std::uint64_t offset, std::span<std::byte> memory,
              std::uint64_t tag = 0) {
    const nvme::io_request request{op, file, offset, memory, tag};
    queue_->submit({&request, 1});
  }
  /// Waits for `count` completions, at most `room` at a time; results by tag.
  std::map<std::uint64_t, std::int64_t> reap(std::size_t count, std::size_t room = depth) {
    std::map<std::uint64_t, std::int64_t> results;
    std::vector<nvme::io_completion> into(room);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (results.size() < count && std::chrono::steady_clock::now() < end) {
      const std::size_t got = queue_->reap(into, patience);
      EXPECT_LE(got, room);
      for (std::size_t i = 0; i < got; ++i) {
        EXPECT_TRUE(results.emplace(into[i].tag, into[i].result).second) << "a tag came twice";
      }
    }
    EXPECT_EQ(results.size(), count);
    return results;
  }
  std::int64_t move(io_op op, std::uint32_t file, std::uint64_t offset,
                    std::span<std::byte> memory) {
    submit(op, file, offset, memory, 7);
    return reap(1)[7];
  }

  nvme::testing::test_folder folder_;
  std::array<nvme::file_descriptor, 2> files_;
  faults::owned_opener made_;
  std::unique_ptr<nvme::io_queue> queue_;
};

TEST_P(queue_conformance, names_itself) { EXPECT_FALSE(queue_->description().empty()); }

TEST_P(queue_conformance, moves_bytes_to_their_file_and_place) {
  guarded_buffer memory(4 * unit);
  for (std::uint32_t file = 0; file < 2; ++file) {
    for (std::uint64_t place = 0; place < 4; ++place) {
      fill_pattern(memory.span(), 10 * file + place);
      EXPECT_EQ(move(io_op::write, file, place * 4 * unit, memory.span()), 4 * unit);
    }
  }
  for (std::uint32_t file = 0; file < 2; ++file) {
    for (std::uint64_t place = 0; place < 4; ++place) {
      memory.repoison();
      EXPECT_EQ(move(io_op::read, file, place * 4 * unit, memory.span()), 4 * unit);
      EXPECT_EQ(wrong_bytes(memory.span(), 10 * file + place), 0u);
    }
  }
}

TEST_P(queue_conformance, reads_zeros_where_nothing_was_written) {
  guarded_buffer memory(unit);
  EXPECT_EQ(move(io_op::read, 1, 5 * unit, memory.span()), unit);
  const auto all = memory.span();
  EXPECT_TRUE(std::ranges::all_of(all, [](std::byte b) { return b == std::byte{}; }));
}

TEST_P(queue_conformance, serves_as_many_as_it_is_deep_each_once) {
  std::vector<guarded_buffer> buffers;
  for (std::uint64_t i = 0; i < depth; ++i) buffers.emplace_back(unit);
  for (const auto op : {io_op::write, io_op::read}) {
    std::vector<nvme::io_request> batch;
    for (std::uint64_t i = 0; i < depth; ++i) {
      if (op == io_op::write) fill_pattern(buffers[i].span(), i);
      if (op == io_op::read) buffers[i].repoison();
      batch.push_back(
          {op, static_cast<std::uint32_t>(i % 2), i * unit, buffers[i].span(), 100 + i});
    }
    for (int round = 0; round < 20; ++round) {
      queue_->submit(batch);
      for (const auto& [tag, moved] : reap(depth)) {
        EXPECT_GE(tag, 100u);
        EXPECT_LT(tag, 100u + depth);
        EXPECT_EQ(moved, std::int64_t{unit});
      }
    }
  }
  for (std::uint64_t i = 0; i < depth; ++i) EXPECT_EQ(wrong_bytes(buffers[i].span(), i), 0u);
}

TEST_P(queue_conformance, keeps_what_does_not_fit_into_the_answer) {
  std::vector<guarded_buffer> buffers;
  for (std::uint64_t i = 0; i < depth; ++i) {
    submit(io_op::read, 0, 0, buffers.emplace_back(unit).span(), i);
  }
  EXPECT_EQ(reap(depth, 3).size(), depth);
}

TEST_P(queue_conformance, a_read_past_the_end_is_short_and_then_nothing) {
  guarded_buffer memory(2 * unit);
  EXPECT_EQ(move(io_op::read, 0, file_size - unit, memory.span()), unit);
  const auto rest = memory.span().last(unit);
  EXPECT_TRUE(std::ranges::all_of(rest, [](std::byte b) { return b == poison; }));
  EXPECT_EQ(move(io_op::read, 0, file_size, memory.span()), 0);
}

TEST_P(queue_conformance, syncs_a_file) {
  guarded_buffer memory(unit);
  EXPECT_EQ(move(io_op::write, 1, 0, memory.span()), unit);
  EXPECT_EQ(move(io_op::sync, 1, 0, {}), 0);
}

TEST_P(queue_conformance, waits_as_long_as_told_and_no_longer) {
  using namespace std::chrono_literals;
  std::array<nvme::io_completion, depth> into;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(queue_->reap(into, 30ms), 0u);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 29ms);
  EXPECT_LT(took, 10s);
  EXPECT_EQ(queue_->reap(into, 0ns), 0u);
}

TEST_P(queue_conformance, wakes_who_waits_and_who_is_about_to) {
  std::array<nvme::io_completion, depth> into;
  const auto begin = std::chrono::steady_clock::now();
  queue_->wake();
  EXPECT_EQ(queue_->reap(into, patience), 0u);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    queue_->wake();
  });
  EXPECT_EQ(queue_->reap(into, patience), 0u);
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience);
}

TEST_P(queue_conformance, a_wake_loses_no_completion) {
  guarded_buffer memory(unit);
  for (std::uint64_t i = 0; i < 200; ++i) {
    submit(io_op::read, 0, 0, memory.span(), i);
    queue_->wake();
    EXPECT_EQ(reap(1).begin()->first, i);
  }
}

}  // namespace ballast::testing
