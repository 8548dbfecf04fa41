#include "comm/mpi_launcher.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace ballast::comm {

/// One of these is set where a launcher has started the process: Open MPI's, MPICH's, any with PMIx.
bool launched_by_mpi() {
  constexpr std::array marks = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
  return std::ranges::any_of(marks, [](const char* mark) { return std::getenv(mark) != nullptr; });
}

}  // namespace ballast::comm
