// Real files that end, real disks that fill and real limits, with both queues.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <nvme/file_descriptor.hpp>
#include <nvme/io_loop.hpp>
#include <nvme/queue_choice.hpp>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/nvme/child_process.hpp"
#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

using ballast::testing::guarded_buffer;
using testing::test_folder;

constexpr std::size_t mib = std::size_t{1} << 20;

struct limits_test : ::testing::TestWithParam<io_backend> {
  const steady_clock time;
  link_meter meter{time};

  /// A loop over one file in `folder`, which ends at `file_size` although the loop believes in 8
  /// MiB.
  std::unique_ptr<io_loop> loop_on(const std::string& folder, std::size_t file_size,
                                   int flags = 0) {
    file_ = file_descriptor(::open(folder.c_str(), O_RDWR | O_TMPFILE | flags, 0600));
    if (!file_.valid() || ::ftruncate(file_.get(), static_cast<off_t>(file_size)) != 0) {
      return nullptr;
    }
    segment_map map;
    map.files.push_back({file_.get(), "the file"});
    map.segment_size = map.size = bytes{8 * mib};
    if (flags != 0) map.alignment = {{4096}, {4096}, {4096}};
    auto started = io_loop::start({.time = time, .deadline = std::chrono::seconds(30)}, map,
                                  choose_queue(GetParam()));
    return started ? std::move(started).value() : nullptr;
  }

  file_descriptor file_;
};

TEST_P(limits_test, a_read_past_the_end_of_a_file_is_an_error) {
  const test_folder folder;
  for (const int flags : {0, O_DIRECT}) {
    for (const std::size_t end : {0 * mib, 1 * mib, 1 * mib + 100, 1 * mib + 4096}) {
      const auto loop = loop_on(folder.path(), end, flags);
      ASSERT_NE(loop, nullptr);
      guarded_buffer memory(2 * mib);
      const auto outcome = loop->submit(io_op::read, {{0}, memory.span()}, meter).wait();
      ASSERT_FALSE(outcome.has_value()) << end;
      EXPECT_EQ(outcome.error().code, errc::io_failure);
      EXPECT_NE(outcome.error().message.find("of the file"), std::string::npos);
    }
  }
}

TEST_P(limits_test, a_write_that_fills_the_disk_is_no_space) {
  const test_folder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting a small tmpfs needs root";
  }
  {
    const auto loop = loop_on(folder.path(), 0);
    ASSERT_NE(loop, nullptr);
    guarded_buffer memory(4 * mib);
    const auto outcome = loop->submit(io_op::write, {{0}, memory.span()}, meter).wait();
    ASSERT_FALSE(outcome.has_value()) << "4 MiB into 1 MiB";
    EXPECT_EQ(outcome.error().code, errc::no_space);
    EXPECT_EQ(outcome.error().system, ENOSPC);
    EXPECT_TRUE(
        loop->submit(io_op::read, {{0}, memory.span().first(mib / 2)}, meter).wait().has_value());
    file_ = {};
  }
  EXPECT_EQ(::umount2(folder.path().c_str(), MNT_DETACH), 0);
}

TEST_P(limits_test, a_write_past_the_file_size_limit_is_an_error_and_not_a_death) {
  const test_folder folder;
  const auto said = testing::in_child([&]() -> std::string {
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (const int flags : {0, O_DIRECT}) {
      const auto loop = loop_on(folder.path(), mib, flags);
      if (loop == nullptr) return "no loop";
      guarded_buffer memory(2 * mib);
      const auto outcome = loop->submit(io_op::write, {{0}, memory.span()}, meter).wait();
      if (outcome) return "2 MiB fit 1";
      if (outcome.error().system != EFBIG) return outcome.error().message;
    }
    return "";
  });
  EXPECT_EQ(said, "");
}

const auto named = [](const auto& tested) {
  return tested.param == io_backend::uring ? "uring" : "posix";
};
INSTANTIATE_TEST_SUITE_P(nvme, limits_test, ::testing::Values(io_backend::uring, io_backend::posix),
                         named);

}  // namespace
}  // namespace ballast::nvme
