// Ranks of other hosts over MPI, point to point: every message is begun at once, and this rank looks
// whether they are through until a peer has failed or is too late. Nothing is summed by MPI.
#pragma once

#include <mpi.h>

#include "comm/far_ranks.hpp"
#include "comm/rank_board.hpp"

namespace ballast::comm {

class mpi_far_ranks final : public far_ranks {
 public:
  /// `world` has all ranks by number, and outlives it; `board` is this host's.
  mpi_far_ranks(MPI_Comm world, std::vector<rank> ranks, rank_board board, rank_limits limits);

  std::span<const rank> ranks() const override { return ranks_; }
  result<std::span<const posted_call>> tell(const posted_call& mine) override;
  status exchange(std::span<const std::span<const std::byte>> sends,
                  std::span<const std::span<std::byte>> takes) override;
  bool part(nanoseconds most) override;

 private:
  status move(std::span<const std::span<const std::byte>> sends,
              std::span<const std::span<std::byte>> takes, int tag);
  /// Until all of requests_ are through.
  status await();
  void cancel();

  MPI_Comm world_;
  std::vector<rank> ranks_;
  rank_board board_;
  rank_limits limits_;
  std::vector<MPI_Request> requests_;
  std::vector<posted_call> calls_;
  std::vector<std::span<const std::byte>> told_;
  std::vector<std::span<std::byte>> heard_;
  posted_call mine_;
  const posted_call end_ = posted_call::of_end();
};

}  // namespace ballast::comm
