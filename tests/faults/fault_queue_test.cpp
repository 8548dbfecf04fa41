// Each fault does what its name says to the request it was planned for, and to no other.
#include "tests/faults/fault_queue.hpp"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <nvme/file_descriptor.hpp>
#include <thread>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::faults {
namespace {

using ballast::testing::fill_pattern;
using ballast::testing::wrong_bytes;
using nvme::io_completion;
using nvme::io_op;
using namespace std::chrono_literals;

constexpr std::size_t unit = 16 * 1024;
constexpr std::size_t units = 4;
constexpr std::array files{-1};

/// Four places of one file, each written with its number before the faults begin.
struct fault_queue_test : ::testing::Test {
  sim_disk disk{{.file_size = units * unit}};
  fault_script script;
  std::unique_ptr<nvme::io_queue> queue;
  std::vector<std::byte> memory = std::vector<std::byte>(unit);

  void start() {
    disk.attach(files);
    for (std::uint64_t i = 0; i < units; ++i) {
      fill_pattern(memory, i);
      disk.perform({io_op::write, 0, i * unit, memory, 0});
    }
    auto opened = faulty(script, disk)({.files = files, .registered = {}, .depth = 8});
    ASSERT_TRUE(opened.has_value());
    queue = std::move(opened).value();
  }
  void submit(io_op op, std::uint64_t place, std::uint64_t tag, std::span<std::byte> of) {
    const nvme::io_request request{op, 0, place * unit, of, tag};
    queue->submit({&request, 1});
  }
  io_completion next() {
    std::array<io_completion, 1> done;
    return queue->reap(done, 5s) == 1 ? done[0] : io_completion{~std::uint64_t{0}, -1};
  }
  std::int64_t move(io_op op, std::uint64_t place) {
    submit(op, place, 1, op == io_op::sync ? std::span<std::byte>{} : std::span(memory));
    return next().result;
  }
  std::int64_t write(std::uint64_t place, std::uint64_t seed) {
    fill_pattern(memory, seed);
    return move(io_op::write, place);
  }
  /// Bytes of a place on the disk that are not `seed`'s.
  std::size_t wrong(std::uint64_t place, std::uint64_t seed) {
    const auto all = disk.content(0);
    return wrong_bytes(std::span(all).subspan(place * unit, unit), seed);
  }
};

constexpr auto all_of_it = static_cast<std::int64_t>(unit);

TEST_F(fault_queue_test, no_plan_changes_nothing) {
  start();
  EXPECT_EQ(write(1, 9), all_of_it);
  EXPECT_EQ(wrong(1, 9), 0u);
  std::ranges::fill(memory, std::byte{});
  EXPECT_EQ(move(io_op::read, 1), all_of_it);
  EXPECT_EQ(wrong_bytes(memory, 9), 0u);
  EXPECT_EQ(move(io_op::sync, 0), 0);
  EXPECT_EQ(script.struck(), 0u);
  EXPECT_EQ(script.seen(), 3u);
}

TEST_F(fault_queue_test, strikes_the_nth_request_of_all_or_of_a_kind) {
  script.plan(1, error(EIO));
  script.plan(io_op::write, 1, error(ENOSPC));
  start();
  EXPECT_EQ(move(io_op::read, 0), all_of_it);
  EXPECT_EQ(move(io_op::read, 0), -EIO);
  EXPECT_EQ(write(2, 9), all_of_it);
  EXPECT_EQ(move(io_op::read, 0), all_of_it);
  EXPECT_EQ(write(2, 8), -ENOSPC);
  EXPECT_EQ(wrong(2, 9), 0u);
  EXPECT_EQ(script.struck(), 2u);
}

TEST_F(fault_queue_test, moves_a_part_or_nothing) {
  script.plan(0, shortened(1000));
  script.plan(1, shortened(1000));
  script.plan(2, nothing());
  start();
  EXPECT_EQ(move(io_op::read, 2), 1000);
  EXPECT_EQ(wrong_bytes(std::span(memory).first(1000), 2), 0u);
  EXPECT_GT(wrong_bytes(memory, 2), unit - 1100);
  EXPECT_EQ(write(1, 9), 1000);
  EXPECT_GT(wrong(1, 9), unit - 1100);
  EXPECT_EQ(write(1, 9), 0);
}

TEST_F(fault_queue_test, shortens_to_whole_sectors_where_io_is_direct) {
  fault_script direct({.alignment = {{4096}, {512}, {1}}, .segment_size = units * unit});
  direct.plan(0, shortened(1000));
  direct.plan(1, shortened(100));
  disk.attach(files);
  auto opened = faulty(direct, disk)({.files = files, .registered = {}, .depth = 8});
  queue = std::move(opened).value();
  EXPECT_EQ(write(0, 9), 1000);
  const auto all = disk.content(0);
  EXPECT_EQ(wrong_bytes(std::span(all).first(512), 9), 0u);
  EXPECT_GT(wrong_bytes(std::span(all).subspan(512, 512), 9, 512), 400u);
  EXPECT_EQ(write(0, 9), 100);
  queue.reset();
}

TEST_F(fault_queue_test, turns_one_bit) {
  script.plan(0, flip(8 * 5000 + 3));
  script.plan(io_op::write, 0, flip(~std::uint64_t{0}));
  start();
  EXPECT_EQ(move(io_op::read, 1), all_of_it);
  EXPECT_EQ(wrong_bytes(memory, 1), 1u);
  EXPECT_EQ(memory[5000] ^ ballast::testing::pattern(1, 5000), std::byte{8});
  EXPECT_EQ(wrong(1, 1), 0u) << "on the disk all is well";
  EXPECT_EQ(write(1, 9), all_of_it);
  EXPECT_EQ(wrong(1, 9), 1u);
  EXPECT_EQ(wrong_bytes(memory, 9), 0u) << "in memory all is well";
}

TEST_F(fault_queue_test, tears_loses_and_misdirects_writes) {
  script.plan(io_op::write, 0, torn(4096));
  script.plan(io_op::write, 1, lost_write());
  script.plan(io_op::write, 2, misdirected());
  script.plan(io_op::write, 3, misdirected());
  start();
  EXPECT_EQ(move(io_op::read, 3), all_of_it);  // tells where the file ends
  EXPECT_EQ(write(0, 9), all_of_it);
  const auto all = disk.content(0);
  EXPECT_EQ(wrong_bytes(std::span(all).first(8192), 9), 0u);
  EXPECT_EQ(wrong_bytes(std::span(all).subspan(8192, 8192), 0, 8192), 0u);
  EXPECT_EQ(write(1, 9), all_of_it);
  EXPECT_EQ(wrong(1, 1), 0u);
  EXPECT_EQ(write(1, 9), all_of_it);
  EXPECT_EQ(wrong(1, 1), 0u);
  EXPECT_EQ(wrong(2, 9), 0u);
  EXPECT_EQ(write(3, 8), all_of_it);
  EXPECT_EQ(wrong(3, 3), 0u);
  EXPECT_EQ(wrong(2, 8), 0u);
}

TEST_F(fault_queue_test, brings_other_bytes_and_older_ones) {
  script.plan(io_op::read, 1, misdirected());
  script.plan(io_op::read, 2, stale_read());
  start();
  EXPECT_EQ(move(io_op::read, 3), all_of_it);  // tells where the file ends
  EXPECT_EQ(move(io_op::read, 1), all_of_it);
  EXPECT_EQ(wrong_bytes(memory, 2), 0u);
  write(1, 8);
  write(1, 9);
  EXPECT_EQ(move(io_op::read, 1), all_of_it);
  EXPECT_EQ(wrong_bytes(memory, 8), 0u);
  EXPECT_EQ(move(io_op::read, 1), all_of_it);
  EXPECT_EQ(wrong_bytes(memory, 9), 0u);
}

TEST_F(fault_queue_test, delays_and_reorders) {
  script.plan(0, delay(20ms));
  script.plan(1, reorder());
  start();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(move(io_op::read, 0), all_of_it);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
  std::vector<std::byte> other(unit);
  submit(io_op::read, 0, 1, memory);
  submit(io_op::read, 1, 2, other);
  EXPECT_EQ(next().tag, 2u);
  EXPECT_EQ(next().tag, 1u);
  EXPECT_EQ(wrong_bytes(memory, 0), 0u);
}

TEST_F(fault_queue_test, one_alone_is_not_held_back) {
  script.every(reorder());
  start();
  EXPECT_EQ(move(io_op::read, 0), all_of_it);
}

TEST_F(fault_queue_test, holds_until_it_is_released) {
  script.plan(0, hang());
  start();
  submit(io_op::read, 3, 5, memory);
  std::array<io_completion, 2> done;
  EXPECT_EQ(queue->reap(done, 10ms), 0u);
  EXPECT_EQ(script.hanging(), 1u);
  EXPECT_GT(wrong_bytes(memory, 3), unit / 2);
  std::thread other([&] {
    std::this_thread::sleep_for(10ms);
    script.release();
  });
  std::size_t count = 0;
  while (count == 0) count = queue->reap(done, 5s);
  other.join();
  EXPECT_EQ(done[0].tag, 5u);
  EXPECT_EQ(wrong_bytes(memory, 3), 0u);
  EXPECT_EQ(script.hanging(), 0u);
}

TEST_F(fault_queue_test, tells_when_held_memory_was_used) {
  script.plan(0, hang());
  start();
  fill_pattern(memory, 9);
  submit(io_op::write, 0, 1, memory);
  memory[100] ^= std::byte{1};
  script.release();
  EXPECT_NONFATAL_FAILURE(next(), "memory of a request that hung was used");
}

TEST_F(fault_queue_test, tells_when_the_seams_rules_are_broken) {
  start();
  fault_script direct({.alignment = {{4096}, {512}, {512}}, .segment_size = units * unit});
  auto opened = faulty(direct, disk)({.files = files, .registered = {}, .depth = 8});
  queue = std::move(opened).value();
  alignas(512) std::array<std::byte, 1024> fitting{};
  const nvme::io_request odd{io_op::read, 0, 1, fitting, 1};
  EXPECT_NONFATAL_FAILURE(queue->submit({&odd, 1}), "request.offset % alignment.sector.value");
  EXPECT_NONFATAL_FAILURE(queue.reset(), "buffers given up");
}

TEST_F(fault_queue_test, a_sync_that_failed_once_has_lost_what_it_should_have_kept) {
  script.plan(io_op::sync, 0, failed_sync());
  start();
  EXPECT_EQ(write(0, 9), all_of_it);
  EXPECT_EQ(move(io_op::sync, 0), -EIO);
  EXPECT_EQ(move(io_op::sync, 0), 0) << "the second one succeeds, and lies";
  disk.power_cut(1);
  const auto all = disk.content(0);
  EXPECT_TRUE(std::ranges::all_of(all, [](std::byte b) { return b == std::byte{}; }));
}

TEST_F(fault_queue_test, a_failed_sync_costs_its_own_file_alone) {
  // The disk knows two other files already: the queue's first is the disk's third.
  const nvme::testing::test_folder folder;
  const nvme::file_descriptor file(::open(folder.path().c_str(), O_RDWR | O_TMPFILE, 0600));
  ASSERT_EQ(::posix_fallocate(file.get(), 0, unit), 0);
  disk.attach(std::array{-1, -1});
  fill_pattern(memory, 5);
  disk.perform({io_op::write, 0, 0, memory, 0});
  script.plan(io_op::sync, 0, failed_sync());
  queue =
      faulty(script, disk)({.files = std::array{file.get()}, .registered = {}, .depth = 8}).value();
  EXPECT_EQ(write(0, 9), all_of_it);
  EXPECT_EQ(move(io_op::sync, 0), -EIO);
  EXPECT_EQ(move(io_op::sync, 0), 0);
  disk.perform({io_op::sync, 0, 0, {}, 0});
  disk.power_cut(1);
  EXPECT_EQ(wrong(0, 5), 0u);
  EXPECT_GT(wrong_bytes(disk.content(2), 9), unit / 2);
}

TEST_F(fault_queue_test, draws_the_same_from_the_same_seed) {
  std::vector<std::vector<std::int64_t>> heard(2);
  for (auto& each : heard) {
    fault_script drawn;
    drawn.draw(11, 3, {error(EIO), nothing(), shortened(512)});
    disk.attach(files);
    auto opened = faulty(drawn, disk)({.files = files, .registered = {}, .depth = 8});
    queue = std::move(opened).value();
    for (int i = 0; i < 200; ++i) each.push_back(move(io_op::read, 0));
    EXPECT_GT(drawn.struck(), 40u);
    EXPECT_LT(drawn.struck(), 100u);
    queue.reset();
  }
  EXPECT_EQ(heard[0], heard[1]);
}

}  // namespace
}  // namespace ballast::faults
