// The simulated disk keeps what a disk keeps: what was synced always, the rest as the seed says.
#include "tests/faults/sim_disk.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nvme/file_descriptor.hpp>
#include <set>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/faults/sim_queue.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::faults {
namespace {

using ballast::testing::fill_pattern;
using ballast::testing::wrong_bytes;
using nvme::io_op;

constexpr std::size_t file_size = 64 * 1024;

struct sim_disk_test : ::testing::Test {
  sim_disk disk{{.file_size = file_size}};
  std::vector<std::byte> memory = std::vector<std::byte>(file_size);

  sim_disk_test() { disk.attach(std::array{-1, -1}); }

  std::int64_t perform(io_op op, std::uint32_t file, std::uint64_t offset, std::size_t size) {
    return disk.perform({op, file, offset, std::span(memory).first(size), 0});
  }
  void write(std::uint32_t file, std::uint64_t seed) {
    fill_pattern(memory, seed);
    ASSERT_EQ(perform(io_op::write, file, 0, file_size), std::int64_t{file_size});
  }
  void sync(std::uint32_t file) { ASSERT_EQ(perform(io_op::sync, file, 0, 0), 0); }
  std::size_t wrong(std::uint32_t file, std::uint64_t seed) {
    return wrong_bytes(disk.content(file), seed);
  }
  /// How many sectors of a file hold `seed`; each of the rest must hold `otherwise`.
  std::size_t sectors_of(std::uint32_t file, std::uint64_t seed, std::uint64_t otherwise) {
    const auto all = disk.content(file);
    std::size_t count = 0;
    for (std::size_t at = 0; at < all.size(); at += sim_disk::sector) {
      const auto sector = std::span(all).subspan(at, sim_disk::sector);
      const bool is = wrong_bytes(sector, seed, at) == 0;
      EXPECT_TRUE(is || wrong_bytes(sector, otherwise, at) == 0) << "a sector is torn at " << at;
      count += is ? 1 : 0;
    }
    return count;
  }
};

TEST_F(sim_disk_test, reads_zeros_where_nothing_was_written) {
  fill_pattern(memory, 1);
  ASSERT_EQ(perform(io_op::write, 0, 1024, 512), 512);
  const auto all = disk.content(0);
  EXPECT_TRUE(
      std::all_of(all.begin(), all.begin() + 1024, [](auto b) { return b == std::byte{}; }));
  EXPECT_TRUE(std::all_of(all.begin() + 1536, all.end(), [](auto b) { return b == std::byte{}; }));
  EXPECT_EQ(wrong_bytes(std::span(all).subspan(1024, 512), 1), 0u);
}

TEST_F(sim_disk_test, ends_where_its_files_end) {
  EXPECT_EQ(perform(io_op::read, 0, file_size - 100, 200), 100);
  EXPECT_EQ(perform(io_op::read, 0, file_size, 200), 0);
  EXPECT_EQ(perform(io_op::write, 0, file_size - 100, 200), 100);
  EXPECT_EQ(perform(io_op::write, 0, file_size, 200), -ENOSPC);
}

TEST_F(sim_disk_test, a_power_cut_takes_nothing_that_was_synced) {
  write(0, 1);
  sync(0);
  write(1, 2);
  EXPECT_EQ(disk.unsynced_sectors(), file_size / sim_disk::sector);
  disk.power_cut(7);
  EXPECT_EQ(wrong(0, 1), 0u);
  EXPECT_GT(wrong(1, 2), 0u);
  EXPECT_EQ(disk.unsynced_sectors(), 0u);
}

TEST_F(sim_disk_test, a_power_cut_keeps_whole_sectors_in_no_order) {
  std::set<std::size_t> counts;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    write(0, 1);
    sync(0);
    write(0, 2);
    const std::size_t lost = disk.power_cut(seed);
    const std::size_t kept = sectors_of(0, 2, 1);
    EXPECT_EQ(kept + lost, file_size / sim_disk::sector);
    counts.insert(kept);
    const auto all = disk.content(0);
    sync(0);
    disk.power_cut(seed + 100);
    EXPECT_EQ(disk.content(0), all) << "what is on the medium stays there";
  }
  EXPECT_GT(counts.size(), 10u);
}

TEST_F(sim_disk_test, a_seed_repeats_itself) {
  std::vector<std::byte> first;
  for (int i = 0; i < 2; ++i) {
    write(0, 1);
    sync(0);
    write(0, 2);
    disk.power_cut(5);
    if (i == 0) first = disk.content(0);
  }
  EXPECT_EQ(disk.content(0), first);
}

TEST_F(sim_disk_test, a_sync_after_a_failed_one_saves_nothing) {
  write(0, 1);
  sync(0);
  write(0, 2);
  disk.forget_unsynced(0);
  EXPECT_EQ(wrong(0, 2), 0u) << "it still reads as written";
  sync(0);
  disk.power_cut(1);
  EXPECT_EQ(wrong(0, 1), 0u);
  write(0, 3);
  disk.forget_unsynced(0);
  write(0, 3);
  sync(0);
  disk.power_cut(1);
  EXPECT_EQ(wrong(0, 3), 0u) << "what is written again can be synced again";
}

TEST_F(sim_disk_test, a_bit_rots_in_both_layers) {
  write(0, 1);
  sync(0);
  disk.rot(0, 777, 3);
  EXPECT_EQ(wrong(0, 1), 1u);
  disk.power_cut(1);
  EXPECT_EQ(wrong(0, 1), 1u);
  EXPECT_EQ(disk.content(0)[777] ^ ballast::testing::pattern(1, 777), std::byte{8});
}

TEST(sim_disk, knows_a_file_again_by_whatever_descriptor) {
  const nvme::testing::test_folder folder;
  const auto make = [&](const char* name) {
    return nvme::file_descriptor(::open((folder.path() + name).c_str(), O_RDWR | O_CREAT, 0600));
  };
  const auto one = make("/one");
  const auto two = make("/two");
  ASSERT_EQ(::posix_fallocate(one.get(), 0, file_size), 0);
  sim_disk disk;
  EXPECT_EQ(disk.attach(std::array{one.get(), two.get()}), (std::vector<std::uint32_t>{0, 1}));
  std::filesystem::rename(folder.path() + "/one", folder.path() + "/renamed");
  EXPECT_EQ(disk.attach(std::array{make("/renamed").get()}), std::vector<std::uint32_t>{0});
  EXPECT_EQ(disk.attach(std::array{make("/third").get()}), std::vector<std::uint32_t>{2});
  for (const char* name : {"/renamed", "/two", "/third"}) {
    std::filesystem::remove(folder.path() + name);
  }
  EXPECT_EQ(disk.content(0).size(), file_size);
}

TEST(sim_disk, misdirects_and_rots_as_often_as_told) {
  sim_disk bad({.seed = 3, .misdirect_one_in = 4, .rot_one_in = 4, .file_size = file_size});
  bad.attach(std::array{-1});
  std::vector<std::byte> memory(4096);
  for (int i = 0; i < 1000; ++i) {
    bad.perform({io_op::read, 0, 0, memory, 0});
  }
  EXPECT_GT(bad.damages(), 350u);
  EXPECT_LT(bad.damages(), 650u);
}

TEST(sim_queue, answers_in_no_order_within_its_latency) {
  using namespace std::chrono_literals;
  sim_disk disk({.latency = 2ms, .file_size = file_size});
  sim_queue queue(disk, {.files = std::array{-1}, .registered = {}, .depth = 8});
  std::vector<std::byte> memory(4096);
  bool shuffled = false;
  for (int round = 0; round < 5; ++round) {
    std::vector<nvme::io_request> batch;
    for (std::uint64_t tag = 0; tag < 8; ++tag) batch.push_back({io_op::read, 0, 0, memory, tag});
    const auto begin = std::chrono::steady_clock::now();
    queue.submit(batch);
    std::vector<nvme::io_completion> done(8);
    std::uint64_t expected = 0;
    while (expected < 8) {
      const std::size_t count = queue.reap(done, 1s);
      for (std::size_t i = 0; i < count; ++i) {
        shuffled = done[i].tag != expected++ || shuffled;
      }
    }
    EXPECT_GT(std::chrono::steady_clock::now() - begin, 100us);
  }
  EXPECT_TRUE(shuffled);
}

}  // namespace
}  // namespace ballast::faults
