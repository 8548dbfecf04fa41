#include "comm/mpi_bare_calls.hpp"
#include "comm/ranks.hpp"

namespace ballast::comm {

result<std::unique_ptr<communicator>> make_mpi_communicator(rank_limits) {
  return failure{errc::unsupported,
                 "ranks under MPI: this build has none; configure it with -DBALLAST_MPI=ON, or run "
                 "one rank"};
}

const mpi_bare_calls* find_mpi_bare_calls() { return nullptr; }

}  // namespace ballast::comm
