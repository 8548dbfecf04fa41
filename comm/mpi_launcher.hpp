// Whether this process is part of an MPI job: known without MPI, so that a build that lacks it says so
// instead of training the same model once in every process.
#pragma once

namespace ballast::comm {

bool launched_by_mpi();

}  // namespace ballast::comm
