// Processes of an MPI job as ranks: they meet on a board and read each other's memory in shared
// windows, so that MPI carries nothing inside a host.
#pragma once

#include <memory>

#include "comm/collectives.hpp"
#include "comm/rank_limits.hpp"

namespace ballast::comm {

/// Collective over the job. Destroying it is leaving, and waits until the others have left too.
///
/// Errors: unsupported, communicator_failure
result<std::unique_ptr<collectives>> make_mpi_ranks(rank_limits limits);

}  // namespace ballast::comm
