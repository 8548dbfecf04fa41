// How several ranks come to share a model: threads of this process, or the processes that mpirun started.
// Each gives its communicator to the backends of its engine.
#pragma once

#include <ballast/communicator.hpp>
#include <memory>
#include <vector>

namespace ballast {

/// One communicator a rank, for as many threads of this process; element r belongs to rank r.
///
/// Errors: invalid_argument without ranks
result<std::vector<std::unique_ptr<communicator>>> join_threads(std::uint32_t ranks);

/// Whether mpirun, or another launcher of MPI jobs, started this process.
bool started_by_mpi();

/// This process's place in that job.
///
/// Errors: unsupported in a build without MPI
result<std::unique_ptr<communicator>> join_mpi();

}  // namespace ballast
