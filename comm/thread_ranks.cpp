#include "comm/thread_ranks.hpp"

#include <algorithm>
#include <ballast/rounding.hpp>

#include "comm/host_ranks.hpp"
#include "comm/private_region.hpp"

namespace ballast::comm {
namespace {

struct alignas(64) board_line {
  std::byte bytes[64];
};

/// An address is the same for all; it keeps the board.
class one_address_space final : public peer_memory {
 public:
  explicit one_address_space(std::shared_ptr<std::vector<board_line>> board)
      : board_(std::move(board)) {}

  result<std::unique_ptr<memory_region>> make_region(bytes size) override {
    return make_private_region(size);
  }
  shared_address publish(std::span<const std::byte> memory) const override {
    return {0, reinterpret_cast<std::uint64_t>(memory.data())};
  }
  const std::byte* find(rank, shared_address published) const override {
    return reinterpret_cast<const std::byte*>(published.offset);
  }
  std::span<std::byte> stage(rank) const override { return {}; }

 private:
  std::shared_ptr<std::vector<board_line>> board_;
};

}  // namespace

std::vector<std::unique_ptr<collectives>> make_thread_ranks(std::uint32_t size,
                                                            rank_limits limits) {
  const std::uint64_t lines = count_up(rank_board::size_for(size), bytes{sizeof(board_line)});
  const auto board = std::make_shared<std::vector<board_line>>(lines);
  const auto memory = std::as_writable_bytes(std::span(*board));
  rank_board::prepare(memory, size);
  std::vector<rank> numbers(size);
  std::ranges::generate(numbers, [next = 0u]() mutable { return rank{next++}; });
  std::vector<std::unique_ptr<collectives>> made;
  for (const rank self : numbers) {
    made.push_back(std::make_unique<host_ranks>(
        "threads", rank_board(memory, self, numbers, limits),
        std::make_shared<one_address_space>(board), std::make_unique<no_far_ranks>()));
  }
  return made;
}

}  // namespace ballast::comm
