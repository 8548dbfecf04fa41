// Folders of runs that are made while another process collects what dead runs left: each of the two
// opens a folder and locks it then, and what the other one does in between must not hurt.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nvme/run_folder.hpp>
#include <utility>

#include "tests/nvme/test_folder.hpp"

namespace {

/// Called once, before the next lock is taken.
std::function<void()> before_lock;

}  // namespace

/// Stands before the C library's, for this executable.
extern "C" int flock(int descriptor, int operation) noexcept {
  if (const auto act = std::exchange(before_lock, {})) act();
  return static_cast<int>(::syscall(SYS_flock, descriptor, operation));
}

namespace ballast::nvme {
namespace {

namespace files = std::filesystem;

constexpr std::uint64_t run = 7;

struct run_folder_test : ::testing::Test {
  ~run_folder_test() override { files::remove_all(path); }

  bool is_whole() const { return files::exists(files::path(path) / "checkpoints"); }

  const testing::test_folder disk;
  const testing::test_folder checkpoints;
  const std::string path = run_path(disk.path(), run);
};

TEST_F(run_folder_test, is_made_again_where_it_was_collected_before_its_lock) {
  bool was_collected = false;
  before_lock = [&] {
    (void)collect_dead_runs(disk.path());
    was_collected = !files::exists(path);
  };
  auto made = run_folder::create(disk.path(), run, checkpoints.path());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(was_collected);
  EXPECT_TRUE(is_whole());
  (void)collect_dead_runs(disk.path());
  EXPECT_TRUE(is_whole()) << "its lock is held";
}

TEST_F(run_folder_test, waits_for_a_collector_that_holds_it) {
  const auto collector = [&] {
    const file_descriptor held(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(::syscall(SYS_flock, held.get(), LOCK_EX | LOCK_NB), 0);
    file_descriptor mine(::dup(held.get()));
    before_lock = [&, holder = std::make_shared<file_descriptor>(std::move(mine))] {
      files::remove_all(path);  // judged garbage, and let go
    };
  };
  before_lock = collector;
  auto made = run_folder::create(disk.path(), run, checkpoints.path());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(is_whole());
}

TEST_F(run_folder_test, stays_where_a_collector_had_opened_the_one_before) {
  ASSERT_TRUE(files::create_directory(path));
  result<run_folder> made = failure{errc::failed_task, "not made"};
  before_lock = [&] {
    files::remove_all(path);
    made = run_folder::create(disk.path(), run, checkpoints.path());
  };
  (void)collect_dead_runs(disk.path());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(is_whole());
}

TEST_F(run_folder_test, is_not_removed_where_another_one_has_its_path) {
  ASSERT_TRUE(files::create_directory(path));
  result<run_folder> made = failure{errc::failed_task, "not made"};
  before_lock = [&] {
    files::remove_all(path);
    made = run_folder::create(disk.path(), run, checkpoints.path());
  };
  EXPECT_EQ(remove_run(path).error().code, errc::wrong_order);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(is_whole());
}

TEST_F(run_folder_test, is_not_made_where_there_is_one) {
  ASSERT_TRUE(run_folder::create(disk.path(), run, checkpoints.path()));
  EXPECT_EQ(run_folder::create(disk.path(), run, checkpoints.path()).error().code,
            errc::io_failure);
}

}  // namespace
}  // namespace ballast::nvme
