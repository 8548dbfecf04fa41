#include "comm/mpi_job.hpp"

#include <atomic>
#include <cstdlib>

#include "comm/mpi_errors.hpp"
#include "comm/mpi_launcher.hpp"

namespace ballast::comm {
namespace {

// MPI itself is one a process, and so is what is known of its end.
std::atomic<bool> given_up = false;

void end_job() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized != 0) return;
  if (given_up) MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
  MPI_Finalize();
}

}  // namespace

status join_mpi_job() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  int level = MPI_THREAD_SINGLE;
  if (initialized == 0) {
    if (!launched_by_mpi()) {
      return failure{errc::unsupported,
                     "this process is no part of an MPI job; start it with mpirun -n RANKS"};
    }
    const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &level);
    if (const status begun = mpi_status(code, "MPI_Init_thread"); !begun) return begun;
    std::atexit(end_job);
  } else {
    MPI_Query_thread(&level);
  }
  if (level != MPI_THREAD_MULTIPLE) {
    return failure{errc::unsupported,
                   "MPI was begun without MPI_THREAD_MULTIPLE, but several threads call it: begin "
                   "it with that, or leave it to Ballast"};
  }
  return mpi_status(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
                    "MPI_Comm_set_errhandler");
}

void give_up_mpi_job() { given_up = true; }

}  // namespace ballast::comm
