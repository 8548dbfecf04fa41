// One transfer of more than 4 GiB on the real disk: every byte arrives where it belongs.
#include <nvme/nvme_store.hpp>

#include <memory>

#include "tests/nvme/test_folder.hpp"

namespace ballast::nvme {
namespace {

constexpr bytes size{(std::uint64_t{4} << 30) + (std::uint64_t{3} << 20)};

/// Each 8 bytes hold their own address: a truncated or misplaced part cannot look right.
void expect_round_trip(io_backend backend) {
  const testing::test_folder folder;
  const steady_clock now;
  const auto opened = make_store({.folders = {{folder.path()}},
                                  .size = size,
                                  .slices = 1,
                                  .time = now,
                                  .backend = backend,
                                  .segment_limit = bytes{std::uint64_t{3} << 30}});
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  const std::size_t count = size.value / 8;
  const auto memory = std::make_unique<std::uint64_t[]>(count);
  const auto bytes_of = std::as_writable_bytes(std::span(memory.get(), count));
  for (std::size_t i = 0; i < count; ++i) memory[i] = i * 0x9e3779b97f4a7c15u;
  const auto wrote = (*opened)->write().submit({{0}, bytes_of}).wait();
  ASSERT_TRUE(wrote.has_value()) << wrote.error().message;
  std::fill_n(memory.get(), count, ~std::uint64_t{0});
  const auto got = (*opened)->read().submit({{0}, bytes_of}).wait();
  ASSERT_TRUE(got.has_value()) << got.error().message;
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < count; ++i) wrong += memory[i] != i * 0x9e3779b97f4a7c15u;
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ((*opened)->write().counters().moved, size);
}

TEST(large_transfer, uring) { expect_round_trip(io_backend::uring); }
TEST(large_transfer, posix) { expect_round_trip(io_backend::posix); }

}  // namespace
}  // namespace ballast::nvme
