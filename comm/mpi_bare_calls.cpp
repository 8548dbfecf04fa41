#include "comm/mpi_bare_calls.hpp"

#include <mpi.h>

#include "comm/mpi_errors.hpp"

namespace ballast::comm {
namespace {

status reduce_scatter(std::span<const float> whole, std::span<float> shard) {
  return mpi_status(
      MPI_Reduce_scatter_block(whole.data(), shard.data(), static_cast<int>(shard.size()),
                               MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD),
      "MPI_Reduce_scatter_block");
}

status all_gather(std::span<float> whole) {
  int ranks = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const int each = static_cast<int>(whole.size()) / ranks;
  return mpi_status(MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, whole.data(), each, MPI_FLOAT,
                                  MPI_COMM_WORLD),
                    "MPI_Allgather");
}

status all_reduce(std::span<float> whole) {
  return mpi_status(MPI_Allreduce(MPI_IN_PLACE, whole.data(), static_cast<int>(whole.size()),
                                  MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD),
                    "MPI_Allreduce");
}

constexpr mpi_bare_calls calls{reduce_scatter, all_gather, all_reduce};

}  // namespace

const mpi_bare_calls* find_mpi_bare_calls() { return &calls; }

}  // namespace ballast::comm
