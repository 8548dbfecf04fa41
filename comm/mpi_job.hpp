// This process's membership of the job that mpirun started. MPI is begun once a process and ended
// when it exits; where a rank has been lost, the job is aborted then instead, because what waits for
// that rank would hang.
#pragma once

#include <mpi.h>

#include <ballast/result.hpp>

namespace ballast::comm {

/// Begins MPI unless that has been done.
///
/// Threads: any, one at a time
/// Errors:  unsupported where mpirun did not start this process, or where MPI cannot be called by
///          several threads
status join_mpi_job();

/// The job ends with this process, non-zero.
void give_up_mpi_job();

}  // namespace ballast::comm
