// Processes of an MPI job as ranks: those of a host meet on a board and read each other's memory in
// shared windows, so that MPI carries nothing inside a host; between hosts it carries messages.
#pragma once

#include <memory>

#include "comm/collectives.hpp"
#include "comm/rank_limits.hpp"

namespace ballast::comm {

/// Collective over the job. Destroying it is leaving, and waits until the others have left too.
/// `pretended` hosts where it is not zero, for tests: rank r on host r mod that.
///
/// Errors: unsupported, communicator_failure
result<std::unique_ptr<collectives>> make_mpi_ranks(rank_limits limits,
                                                    std::uint32_t pretended = 0);

}  // namespace ballast::comm
