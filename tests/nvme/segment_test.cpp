// Segment files: where they may be, what remains of them, and what a full disk says.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nvme/segment.hpp>

#include "tests/nvme/child_process.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

using testing::test_folder;

constexpr bytes mib{std::uint64_t{1} << 20};

TEST(segment, is_unnamed_private_and_preallocated) {
  const test_folder folder;
  const auto directory = open_directory(folder.path());
  ASSERT_TRUE(directory.has_value());
  const auto made = segment::make(*directory, folder.path(), "", mib * 3, 2);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_TRUE(folder.empty());
  struct stat seen {};
  ASSERT_EQ(::fstat(made->descriptor(), &seen), 0);
  EXPECT_EQ(seen.st_nlink, 0u);
  EXPECT_EQ(seen.st_mode & 07777, 0600u);
  EXPECT_EQ(seen.st_size, 3 << 20);
  EXPECT_GE(seen.st_blocks * 512, 3 << 20);
  EXPECT_EQ(made->name(), folder.path() + "/(unnamed segment 2)");
  EXPECT_EQ(made->alignment().extent.value % made->alignment().sector.value, 0u);
  EXPECT_NE(::fcntl(made->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
  const bool direct = (::fcntl(made->descriptor(), F_GETFL) & O_DIRECT) != 0;
  EXPECT_EQ(direct, made->note().empty()) << "buffered I/O is told";
}

TEST(segment, refuses_what_is_no_folder_with_one_line) {
  const test_folder folder;
  const std::string file = folder.path() + "/file";
  const std::string link = folder.path() + "/link";
  std::ofstream(file) << "x";
  std::filesystem::create_symlink(folder.path(), link);
  for (const auto& [path, word] : {std::pair{folder.path() + "/missing", "create it first"},
                                   {file, "is not a folder"},
                                   {link, "is a symbolic link"},
                                   {link + "/", "is a symbolic link"},
                                   {link + "//", "is a symbolic link"},
                                   {std::string(), "No such file"}}) {
    const auto refused = open_directory(path);
    ASSERT_FALSE(refused.has_value()) << path;
    EXPECT_EQ(refused.error().code, errc::invalid_argument);
    EXPECT_NE(refused.error().message.find(word), std::string::npos) << refused.error().message;
    EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
  }
  std::filesystem::remove(file);
  std::filesystem::remove(link);
  EXPECT_TRUE(open_directory(folder.path() + "/").has_value());
}

TEST(segment, refuses_a_folder_it_may_not_write_to) {
  // procfs has folders that even root cannot create a file in.
  const auto directory = open_directory("/proc/sys/kernel");
  ASSERT_TRUE(directory.has_value());
  const auto refused = segment::make(*directory, "/proc/sys/kernel", "", mib, 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("/proc/sys/kernel"), std::string::npos);
  EXPECT_NE(refused.error().message.find("creating"), std::string::npos) << refused.error().message;
}

TEST(segment, more_than_the_disk_holds_is_refused_before_it_is_tried) {
  const test_folder folder;
  const auto directory = open_directory(folder.path());
  const auto refused = check_space(*directory, folder.path(), bytes{std::uint64_t{1} << 50});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::no_space);
  EXPECT_NE(refused.error().message.find("1125899906842624 bytes wanted, "), std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(check_space(*directory, folder.path(), mib).has_value());
}

TEST(segment, nothing_remains_after_kill) {
  const test_folder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto directory = open_directory(folder.path());
    const auto made = segment::make(*directory, folder.path(), "", mib, 0);
    const char said = made.has_value() ? 'y' : 'n';
    if (::write(ready[1], &said, 1) == 1) ::pause();
    ::_exit(1);
  }
  char said = '?';
  ASSERT_EQ(::read(ready[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  EXPECT_TRUE(folder.empty()) << "while it runs";
  ::kill(child, SIGKILL);
  int outcome = 0;
  ::waitpid(child, &outcome, 0);
  EXPECT_TRUE(WIFSIGNALED(outcome));
  EXPECT_TRUE(folder.empty()) << "after it was killed";
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(segment, a_file_size_limit_is_an_error_and_not_a_death) {
  const test_folder folder;
  const auto said = testing::in_child([&]() -> std::string {
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto directory = open_directory(folder.path());
    const auto refused = segment::make(*directory, folder.path(), "", mib * 4, 0);
    if (refused) return "it opened";
    if (refused.error().code != errc::no_space) return refused.error().message;
    if (refused.error().message.find("ulimit -f") == std::string::npos) {
      return refused.error().message;
    }
    sigset_t waiting;
    ::sigpending(&waiting);
    return ::sigismember(&waiting, SIGXFSZ) == 0 ? "" : "SIGXFSZ is left pending";
  });
  EXPECT_EQ(said, "");
}

TEST(segment, zeros_reserve_space_where_fallocate_cannot) {
  const test_folder folder;
  const int file = ::open(folder.path().c_str(), O_RDWR | O_TMPFILE, 0600);
  ASSERT_GE(file, 0);
  EXPECT_EQ(write_zeros(file, mib * 2 + bytes{4096}), 0);
  struct stat seen {};
  ::fstat(file, &seen);
  EXPECT_EQ(seen.st_size, (2 << 20) + 4096);
  EXPECT_GE(seen.st_blocks * 512, 2 << 20);
  ::close(file);
}

/// A file system of 1 MiB in memory.
struct small_disk : ::testing::Test {
  test_folder folder;
  bool mounted = false;

  void SetUp() override {
    mounted = ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!mounted) GTEST_SKIP() << "mounting a small tmpfs needs root";
  }
  void TearDown() override {
    if (mounted) ::umount(folder.path().c_str());
  }
};

TEST_F(small_disk, four_mib_do_not_fit_one) {
  const auto directory = open_directory(folder.path());
  const auto refused = segment::make(*directory, folder.path(), "", mib * 4, 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::no_space);
  EXPECT_NE(refused.error().message.find("4194304 bytes: No space left"), std::string::npos)
      << refused.error().message;
  const auto told = check_space(*directory, folder.path(), mib * 4);
  ASSERT_FALSE(told.has_value());
  EXPECT_NE(told.error().message.find("4194304 bytes wanted, 1048576 free"), std::string::npos)
      << told.error().message;
}

TEST_F(small_disk, zeros_meet_its_end) {
  const int file = ::open(folder.path().c_str(), O_RDWR | O_TMPFILE, 0600);
  ASSERT_GE(file, 0);
  EXPECT_EQ(write_zeros(file, mib * 4), ENOSPC);
  ::close(file);
}

}  // namespace
}  // namespace ballast::nvme
