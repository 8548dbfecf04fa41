// How a transfer is cut: the worked example of io_piece.hpp, and the borders of files and limits.
#include <gtest/gtest.h>

#include <array>
#include <nvme/io_piece.hpp>

#include "tests/nvme/test_map.hpp"

namespace ballast::nvme {
namespace {

constexpr io_alignment direct_rules{{4096}, {4096}, {512}};

struct io_piece_test : ::testing::Test {
  const steady_clock time;
  link_meter meter{time};
  const segment_map map = testing::test_map({65536}, 3, direct_rules);
  alignas(4096) std::array<std::byte, 200'000> memory{};
  alignas(4096) std::array<std::byte, 16'384> stage{};

  std::shared_ptr<io_transfer> transfer_of(io_op op, std::uint64_t address, std::size_t begin,
                                           std::size_t size) {
    return std::make_shared<io_transfer>(
        op, transfer{{address}, std::span(memory).subspan(begin, size)}, meter, time_point{},
        time_point{});
  }
};

TEST_F(io_piece_test, knows_what_can_go_as_it_is) {
  EXPECT_TRUE(io_piece::direct(*transfer_of(io_op::read, 4096, 512, 8192), direct_rules));
  EXPECT_FALSE(io_piece::direct(*transfer_of(io_op::read, 4096, 511, 8192), direct_rules));
  EXPECT_FALSE(io_piece::direct(*transfer_of(io_op::read, 4097, 512, 8192), direct_rules));
  EXPECT_FALSE(io_piece::direct(*transfer_of(io_op::read, 4096, 512, 8191), direct_rules));
  EXPECT_TRUE(io_piece::direct(*transfer_of(io_op::read, 1, 1, 1), io_alignment{}));
}

TEST_F(io_piece_test, ends_at_the_limit_and_at_the_end_of_a_file) {
  const auto whole = transfer_of(io_op::write, 4096, 0, 131'072);
  const io_piece first(whole, map, 32'768, {});
  EXPECT_EQ(first.request(5).memory.size(), 32'768u);
  EXPECT_EQ(first.request(5).offset, 4096u);
  EXPECT_EQ(first.request(5).tag, 5u);
  const io_piece second(whole, map, 32'768, {});
  EXPECT_EQ(second.request(0).offset, 36'864u);
  EXPECT_EQ(second.request(0).memory.size(), 65'536u - 36'864u);
  const io_piece third(whole, map, 65'536, {});
  EXPECT_EQ(third.request(0).file, 1u);
  EXPECT_EQ(third.request(0).offset, 0u);
  EXPECT_FALSE(whole->all_carved());
  const io_piece fourth(whole, map, 65'536, {});
  EXPECT_EQ(fourth.request(0).file, 2u);
  EXPECT_EQ(fourth.request(0).memory.size(), 4096u);
  EXPECT_TRUE(whole->all_carved());
  EXPECT_FALSE(whole->over());
}

TEST_F(io_piece_test, stages_whole_sectors_and_copies_what_was_asked) {
  const auto whole = transfer_of(io_op::read, 4000, 1, 5000);
  const io_piece piece(whole, map, 32'768, stage);
  EXPECT_EQ(piece.request(0).offset, 0u);
  EXPECT_EQ(piece.request(0).memory.size(), 12'288u);
  EXPECT_EQ(piece.request(0).memory.data(), stage.data());
  for (std::size_t i = 0; i < stage.size(); ++i) stage[i] = static_cast<std::byte>(i % 251);
  piece.copy_out();
  EXPECT_EQ(memory[0], std::byte{0});
  EXPECT_EQ(memory[1], static_cast<std::byte>(4000 % 251));
  EXPECT_EQ(memory[5000], static_cast<std::byte>(8999 % 251));
  EXPECT_EQ(memory[5001], std::byte{0});
}

TEST_F(io_piece_test, goes_on_at_a_sector) {
  io_piece piece(transfer_of(io_op::write, 0, 0, 16'384), map, 16'384, {});
  EXPECT_FALSE(piece.advance(4095, {4096}));
  EXPECT_TRUE(piece.advance(5000, {4096}));
  EXPECT_EQ(piece.request(0).offset, 4096u);
  EXPECT_EQ(piece.request(0).memory.size(), 12'288u);
  EXPECT_TRUE(piece.advance(12'288, {4096}));
  EXPECT_TRUE(piece.complete());
}

TEST(segment_map, finds_the_file) {
  const auto map = testing::test_map({std::uint64_t{2} << 30}, 3, {});
  const auto at = map.locate((std::uint64_t{4} << 30) + 8192);
  EXPECT_EQ(at.file, 2u);
  EXPECT_EQ(at.offset, 8192u);
  EXPECT_EQ(at.left, (std::uint64_t{2} << 30) - 8192);
}

}  // namespace
}  // namespace ballast::nvme
