// Which ranks of the job are on which host.
#pragma once

#include <mpi.h>

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <vector>

namespace ballast::comm {

struct mpi_hosts {
  MPI_Comm world = MPI_COMM_NULL;  ///< all ranks, for messages of Ballast alone
  MPI_Comm host = MPI_COMM_NULL;   ///< those of this host
  std::vector<rank> here;          ///< their numbers, by seat, ascending
  std::vector<rank> far;           ///< the others', ascending
  std::vector<rank> firsts;        ///< the first rank of every host, ascending

  /// Collective over the job. `pretended` hosts where it is not zero: rank r on host r mod that.
  ///
  /// Errors: communicator_failure
  static result<mpi_hosts> find(std::uint32_t pretended);
};

}  // namespace ballast::comm
