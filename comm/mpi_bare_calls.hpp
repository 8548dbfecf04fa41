// MPI's own collectives on fp32, as a program calls them that has no Ballast: what a bench stands its
// own beside. In equal shards; blocking, in the calling thread.
#pragma once

#include <ballast/result.hpp>
#include <span>

namespace ballast::comm {

struct mpi_bare_calls {
  /// MPI_Reduce_scatter_block. Shapes: whole[ranks * n], shard[n], elsewhere
  status (*reduce_scatter)(std::span<const float> whole, std::span<float> shard);
  /// MPI_Allgather in place. Shapes: whole[ranks * n]
  status (*all_gather)(std::span<float> whole);
  /// MPI_Allreduce in place.
  status (*all_reduce)(std::span<float> whole);
};

/// Of the job that make_mpi_communicator() has joined; nullptr in a build without MPI.
const mpi_bare_calls* find_mpi_bare_calls();

}  // namespace ballast::comm
