// A worker's own requests: continued, tried again, or a typed error, as the loop's are; and which folders
// are in memory.
#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <nvme/memory_folder.hpp>
#include <nvme/positional_io.hpp>

#include "tests/nvme/test_folder.hpp"
#include "tests/nvme/test_map.hpp"

namespace ballast::nvme {
namespace {

struct positional_io_test : ::testing::Test {
  /// Answers from the front, then with all that was asked; remembers what was asked.
  positional_io positional(bytes request_limit = bytes{1 << 20}) {
    return {map_, request_limit, [this](const io_request& request) {
              asked_.push_back(request);
              if (answers_.empty()) return static_cast<std::int64_t>(request.memory.size());
              const std::int64_t said = answers_.front();
              answers_.pop_front();
              return said;
            }};
  }

  failure problem_of(io_op op, std::uint64_t address, std::size_t size) {
    const auto outcome = positional().move(op, address, std::span(memory_).first(size));
    EXPECT_FALSE(outcome);
    return outcome ? failure{} : outcome.error();
  }

  const segment_map map_ = testing::test_map(bytes{8192}, 3, {});
  std::vector<std::byte> memory_ = std::vector<std::byte>(24576);
  std::deque<std::int64_t> answers_;
  std::vector<io_request> asked_;
};

TEST_F(positional_io_test, cuts_at_files_and_at_the_longest_request) {
  ASSERT_TRUE(positional(bytes{3000}).move(io_op::write, 8000, std::span(memory_).first(5192)));
  ASSERT_EQ(asked_.size(), 3u);
  EXPECT_EQ(asked_[0].file, 0u);
  EXPECT_EQ(asked_[0].offset, 8000u);
  EXPECT_EQ(asked_[0].memory.size(), 192u);
  EXPECT_EQ(asked_[1].file, 1u);
  EXPECT_EQ(asked_[1].offset, 0u);
  EXPECT_EQ(asked_[1].memory.data(), memory_.data() + 192);
  EXPECT_EQ(asked_[1].memory.size(), 3000u);
  EXPECT_EQ(asked_[2].offset, 3000u);
  EXPECT_EQ(asked_[2].memory.size(), 2000u);
}

TEST_F(positional_io_test, goes_on_where_a_short_one_ended) {
  answers_ = {1, -EINTR, 99, -EAGAIN};
  ASSERT_TRUE(positional().move(io_op::read, 10, std::span(memory_).first(500)));
  ASSERT_EQ(asked_.size(), 5u);
  EXPECT_EQ(asked_[2].offset, 11u);
  EXPECT_EQ(asked_[2].memory.data(), memory_.data() + 1);
  EXPECT_EQ(asked_[4].offset, 110u);
  EXPECT_EQ(asked_[4].memory.size(), 400u);
}

TEST_F(positional_io_test, gives_up_after_many_attempts_that_moved_nothing) {
  for (const int error : {EAGAIN, 0}) {
    asked_.clear();
    answers_.assign(17, -error);
    const failure problem = problem_of(io_op::write, 0, 100);
    EXPECT_EQ(asked_.size(), 17u);
    EXPECT_EQ(problem.code, errc::io_failure);
    EXPECT_EQ(problem.message.find("write of 100 bytes at offset 0 of file-0, 17 attempts"), 0u)
        << problem.message;
  }
}

TEST_F(positional_io_test, names_the_place_of_what_failed) {
  answers_ = {40, -EIO};
  EXPECT_EQ(
      problem_of(io_op::read, 8192, 100).message.find("read of 60 bytes at offset 40 of file-1: "),
      0u);
  answers_ = {-ENOSPC};
  EXPECT_EQ(problem_of(io_op::write, 0, 100).code, errc::no_space);
  answers_ = {0};
  EXPECT_NE(problem_of(io_op::read, 0, 100).message.find("the file ends before that"),
            std::string::npos);
}

TEST_F(positional_io_test, refuses_what_is_not_in_the_store) {
  EXPECT_EQ(problem_of(io_op::write, 24000, 577).code, errc::invalid_argument);
  EXPECT_EQ(problem_of(io_op::read, ~std::uint64_t{0} - 10, 100).code, errc::invalid_argument);
  EXPECT_TRUE(asked_.empty());
}

TEST(memory_folder, tells_memory_from_devices) {
  EXPECT_EQ(memory_behind("/dev/shm"), "tmpfs");
  EXPECT_EQ(memory_behind("/proc"), "");
  EXPECT_EQ(memory_behind("/missing"), "");
}

}  // namespace
}  // namespace ballast::nvme
