// Sums by MPI: an MPI_Ireduce to every rank of its own shard, all of them under way at once, piece by
// piece. It needs no shards side by side and no memory but MPI's own, which a piece bounds.
//
// MPI adds fp32 itself. Of bf16 and fp16, which it has no types for, it adds two ranks' at a time by
// the loops of the ordered sum, so that what it passes on is rounded.
#pragma once

#include <mpi.h>

#include <optional>
#include <vector>

#include "comm/rank_board.hpp"
#include "comm/sum_library.hpp"

namespace ballast::comm {

class mpi_sums final : public sum_library {
 public:
  /// `world` has all ranks by number, and outlives it; `board` is this host's.
  mpi_sums(MPI_Comm world, rank_board board, rank_limits limits);
  ~mpi_sums() override;
  mpi_sums(const mpi_sums&) = delete;
  mpi_sums& operator=(const mpi_sums&) = delete;

  /// A failure leaves the ranks some time to come to the end, because nothing takes a sum back from
  /// MPI. Where one does not, MPI may still use the others' memory: they cannot part in order.
  status reduce_scatter(const reduction& what, const posted_call& call) override;

 private:
  /// Begins the sums of up to `most` elements of every shard from `at` on.
  status begin(const reduction& what, elements at, elements most);
  /// Until all of requests_ are through.
  status await(const posted_call& call, time_point begun);
  /// The failure there is, once the ranks have had their time; none before.
  status overdue();

  MPI_Comm world_;
  rank_board board_;
  rank_limits limits_;
  MPI_Op add_bf16_ = MPI_OP_NULL;
  MPI_Op add_f16_ = MPI_OP_NULL;
  std::vector<MPI_Request> requests_;
  std::optional<time_point> failing_since_;
  bool lost_ = false;  ///< sums are under way that nobody waits for
};

}  // namespace ballast::comm
