// Stores on a real file system that breaks under them: every answer is right, or an error that says
// where; what only waits is reported, and goes on.
#include <sys/mount.h>

#include <nvme/nvme_store.hpp>
#include <nvme/queue_choice.hpp>
#include <thread>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/faults/notebook.hpp"
#include "tests/nvme/loop_disk.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

using ballast::testing::fill_pattern;
using ballast::testing::guarded_buffer;
using ballast::testing::wrong_bytes;
using testing::loop_disk;
using namespace std::chrono_literals;

const steady_clock now;
constexpr std::size_t mib = std::size_t{1} << 20;

struct sick_disk_test : ::testing::TestWithParam<io_backend> {
  std::unique_ptr<loop_disk> disk;
  std::unique_ptr<store> held;
  faults::notebook notes;
  guarded_buffer memory{4 * mib};

  void SetUp() override {
    disk = std::make_unique<loop_disk>(folder_.path());
    if (!disk->refusal().empty()) GTEST_SKIP() << disk->refusal();
  }
  void TearDown() override {
    held.reset();
    disk.reset();
  }

  void open(std::size_t size = 8 * mib) {
    auto opened = make_store({.folders = {{disk->path()}},
                              .size = {size},
                              .time = now,
                              .backend = GetParam(),
                              .deadline = 200ms,
                              .on_note = notes.sink()});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    held = std::move(opened).value();
    fill_pattern(memory.span(), 1);
    ASSERT_TRUE(write(0).has_value());
  }
  status write(std::uint64_t at) { return held->write().submit({{at}, memory.span()}).wait(); }
  status read(std::uint64_t at) {
    memory.repoison();
    return held->read().submit({{at}, memory.span()}).wait();
  }
  void expect_names_place(const status& outcome, const std::string& verb,
                          std::initializer_list<int> errors) {
    ASSERT_FALSE(outcome.has_value()) << "nothing was noticed";
    const auto& [code, message, system] = outcome.error();
    EXPECT_EQ(code, errc::io_failure) << message;
    EXPECT_TRUE(std::ranges::find(errors, system) != errors.end()) << message;
    EXPECT_EQ(message.rfind(verb + " of ", 0), 0u) << message;
    EXPECT_NE(message.find(" of " + disk->path() + "/(unnamed segment 0): "), std::string::npos)
        << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }

 private:
  testing::test_folder folder_;
};

TEST_P(sick_disk_test, one_that_turns_read_only_is_an_error_of_writes) {
  open();
  disk->turn_read_only();
  ASSERT_EQ(disk->refusal(), "");
  expect_names_place(write(0), "write", {EROFS, EIO});
  ASSERT_TRUE(read(0).has_value());
  EXPECT_EQ(wrong_bytes(memory.span(), 1), 0u);
}

TEST_P(sick_disk_test, the_kernel_refuses_to_remount_a_disk_in_use) {
  open();
  EXPECT_EQ(::mount("", disk->path().c_str(), "", MS_REMOUNT | MS_RDONLY, ""), -1);
  EXPECT_EQ(errno, EBUSY) << "its segments are open for writing";
  EXPECT_TRUE(write(4 * mib).has_value());
}

TEST_P(sick_disk_test, one_that_is_gone_is_an_error_of_everything) {
  open();
  ASSERT_EQ(disk->shut_down(), 0);
  expect_names_place(write(0), "write", {EIO, ESHUTDOWN});
  expect_names_place(read(0), "read", {EIO, ESHUTDOWN});
  expect_names_place(read(4 * mib), "read", {EIO, ESHUTDOWN});
}

TEST_P(sick_disk_test, one_that_is_gone_cannot_be_synced) {
  const file_descriptor file(::open(disk->path().c_str(), O_RDWR | O_TMPFILE, 0600));
  ASSERT_TRUE(file.valid());
  ASSERT_EQ(::posix_fallocate(file.get(), 0, 8 * mib), 0);
  segment_map map;
  map.files.push_back({file.get(), "the file"});
  map.segment_size = map.size = bytes{8 * mib};
  const auto loop = io_loop::start({.time = now, .deadline = 30s}, map, choose_queue(GetParam()));
  ASSERT_TRUE(loop.has_value());
  link_meter meter{now};
  ASSERT_TRUE((*loop)->submit(io_op::write, {{0}, memory.span()}, meter).wait().has_value());
  ASSERT_TRUE((*loop)->submit(io_op::sync, {}, meter).wait().has_value());
  ASSERT_TRUE((*loop)->submit(io_op::write, {{0}, memory.span()}, meter).wait().has_value());
  ASSERT_EQ(disk->shut_down(), 0);
  const auto refused = (*loop)->submit(io_op::sync, {}, meter).wait();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::io_failure);
  EXPECT_EQ(refused.error().message.rfind("sync of the file: ", 0), 0u) << refused.error().message;
}

TEST_P(sick_disk_test, one_that_is_frozen_is_reported_once_and_goes_on_when_it_thaws) {
  open();
  ASSERT_EQ(disk->freeze(), 0);
  fill_pattern(memory.span(), 2);
  const auto begin = now.now();
  const auto pending = held->write().submit({{0}, memory.span()});
  while (notes.lines().empty() && now.now() - begin < 20s) std::this_thread::sleep_for(1ms);
  const auto told = now.now() - begin;
  EXPECT_FALSE(pending.poll().has_value()) << "the memory still belongs to the store";
  EXPECT_LT(told, 1s) << "the deadline is 0.2 s, looks are 0.1 s apart";
  std::this_thread::sleep_for(500ms);
  EXPECT_FALSE(pending.poll().has_value());
  ASSERT_EQ(notes.lines().size(), 1u);
  EXPECT_EQ(notes.lines()[0].rfind("write of 4194304 bytes at offset 0 of " + disk->path(), 0), 0u)
      << notes.lines()[0];
  ASSERT_EQ(disk->thaw(), 0);
  ASSERT_TRUE(pending.wait().has_value());
  ASSERT_TRUE(read(0).has_value());
  EXPECT_EQ(wrong_bytes(memory.span(), 2), 0u);
}

TEST_P(sick_disk_test, one_that_is_frozen_still_reads) {
  open();
  ASSERT_EQ(disk->freeze(), 0);
  ASSERT_TRUE(read(0).has_value());
  EXPECT_EQ(wrong_bytes(memory.span(), 1), 0u);
  EXPECT_TRUE(notes.lines().empty());
}

INSTANTIATE_TEST_SUITE_P(nvme, sick_disk_test,
                         ::testing::Values(io_backend::uring, io_backend::posix),
                         [](const auto& tested) {
                           return tested.param == io_backend::uring ? "uring" : "posix";
                         });

/// The file system believes in 64 MiB, what is below it has 12: a thin volume that is full.
struct thin_disk_test : ::testing::TestWithParam<io_backend> {
  testing::test_folder folder;

  /// Writes until that fails, then reads what was said to be written; each slice is right or found.
  static void fill(store& of) {
    guarded_buffer memory(mib);
    std::vector<extent> written;
    status outcome;
    while (outcome && written.size() < 32) {
      const auto where = of.allocate({mib}, 1).value();
      fill_pattern(memory.span(), where.address.value);
      of.stamp(where, 0, {memory.span()});
      outcome = of.write().submit({where.address, memory.span()}).wait();
      if (outcome) written.push_back(where);
    }
    ASSERT_FALSE(outcome.has_value()) << "32 MiB fit 12";
    const auto& [code, message, system] = outcome.error();
    EXPECT_TRUE(code == errc::io_failure || code == errc::no_space) << message;
    EXPECT_NE(message.find("/(unnamed segment 0): "), std::string::npos) << message;
    for (const extent& where : written) {
      ASSERT_TRUE(of.read().submit({where.address, memory.span()}).wait().has_value());
      const bool right = wrong_bytes(memory.span(), where.address.value) == 0;
      EXPECT_EQ(of.check(where, 0, {memory.span()}).has_value(), right);
    }
  }
};

// Linux 6.18's loop device says that a write which the file below it took in part was done (seen on
// 2026-11-21, with pwrite alone): the digests are what tells.
TEST_P(thin_disk_test, reserved_space_that_is_not_there_is_an_error_or_found) {
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=12m") != 0) {
    GTEST_SKIP() << "mounting a small tmpfs needs root";
  }
  std::string refusal;
  {
    const loop_disk disk(folder.path());
    refusal = disk.refusal();
    if (refusal.empty()) {
      const auto opened = make_store({.folders = {{disk.path()}},
                                      .size = {32 * mib},
                                      .slices = 32,
                                      .time = now,
                                      .backend = GetParam()});
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      fill(**opened);
    }
  }
  EXPECT_EQ(::umount2(folder.path().c_str(), MNT_DETACH), 0);
  if (!refusal.empty()) GTEST_SKIP() << refusal;
}

INSTANTIATE_TEST_SUITE_P(nvme, thin_disk_test,
                         ::testing::Values(io_backend::uring, io_backend::posix),
                         [](const auto& tested) {
                           return tested.param == io_backend::uring ? "uring" : "posix";
                         });

}  // namespace
}  // namespace ballast::nvme
