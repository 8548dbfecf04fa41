// The doors to the communicators of several ranks: threads of one process, processes under MPI,
// GPUs under NCCL. What this build does not have answers `unsupported` and says what to do instead.
#pragma once

#include <ballast/communicator.hpp>
#include <memory>
#include <vector>

#include "comm/rank_limits.hpp"

namespace ballast::comm {

/// One communicator a rank, for `size` threads of this process; element r belongs to rank r.
///
/// Errors: invalid_argument without ranks
result<std::vector<std::unique_ptr<communicator>>> make_thread_communicators(
    std::uint32_t size, rank_limits limits = {});

/// This process's place in the job that mpirun started.
result<std::unique_ptr<communicator>> make_mpi_communicator(rank_limits limits = {});

/// This process's GPU among the GPUs of the job.
result<std::unique_ptr<communicator>> make_nccl_communicator();

}  // namespace ballast::comm
