// Collectives of the ranks of a host: each reads what it needs where its peers have it, sums in
// ascending order and writes straight to the final place. What ranks of other hosts bring is sent.
//
// A collective is two meetings: one before anybody reads, in which all have posted what they bring,
// and one after everybody has read. Memory that peers cannot address goes through the stages, piece
// by piece, with two meetings a piece; what comes from far comes by pieces too. A sum that need not be
// ordered is a meeting, and then the library's, where there is one.
#pragma once

#include <atomic>
#include <memory>

#include "comm/collectives.hpp"
#include "comm/far_ranks.hpp"
#include "comm/peer_memory.hpp"
#include "comm/rank_board.hpp"
#include "comm/sum_library.hpp"

namespace ballast::comm {

class host_ranks final : public collectives {
 public:
  /// `library`: none where all sums are ordered.
  host_ranks(std::string_view name, rank_board board, std::shared_ptr<peer_memory> memory,
             std::shared_ptr<far_ranks> far, std::unique_ptr<sum_library> library = nullptr);
  ~host_ranks() override;

  std::string_view name() const override { return name_; }
  rank self() const override { return board_.number(board_.self()); }
  std::uint32_t size() const override { return board_.size() + far_count(); }
  std::uint32_t host_size() const override { return board_.size(); }

  result<std::unique_ptr<memory_region>> make_region(bytes size) override;
  status reduce_scatter(const reduction& what, collective_tag tag) override;
  status all_gather(const gathering& what, collective_tag tag) override;
  result<bool> any(bool mine, collective_tag tag) override;
  rank_traffic received() const override;
  void abort(std::string_view cause) override;

 private:
  /// Meets, and fails everywhere unless all ranks have come to the same; `calls` of the far ones.
  result<std::span<const posted_call>> agree(const posted_call& mine);
  /// stage(piece) where this rank's memory is not known to its peers, trade(piece) with the far
  /// ranks, then take(piece), between meetings: for everything at once, or for pieces of which
  /// `shares` fit into a stage.
  template <class Stage, class Trade, class Take>
  status by_pieces(const posted_call& mine, shard_ranges shards, bytes width, std::uint64_t shares,
                   const Stage& stage, const Trade& trade, const Take& take);
  status sum_by_library(const reduction& what, const posted_call& call);
  std::uint32_t far_count() const { return static_cast<std::uint32_t>(far_->ranks().size()); }
  /// Where the rank in a seat has what its share of a piece begins with: in its own memory, `known`
  /// bytes behind what it has posted, or else in its stage, `staged` bytes from the front.
  const std::byte* find(rank seat, bytes known, bytes staged) const;
  /// read(at, count) for slices of [0, size), while nobody has failed.
  template <class Read>
  void read_in_slices(std::size_t size, const Read& read) const;

  std::string_view name_;
  rank_board board_;
  std::shared_ptr<peer_memory> memory_;
  std::shared_ptr<far_ranks> far_;
  std::unique_ptr<sum_library> library_;
  std::vector<const std::byte*> sources_;          ///< by rank
  std::vector<std::byte> far_pieces_;              ///< a piece from each far rank
  std::vector<std::span<const std::byte>> sends_;  ///< by far rank
  std::vector<std::span<std::byte>> takes_;        ///< by far rank
  std::uint64_t regions_ = 0;
  std::atomic<std::uint64_t> reduced_ = 0;   ///< bytes from peers
  std::atomic<std::uint64_t> gathered_ = 0;  ///< bytes from peers
};

}  // namespace ballast::comm
