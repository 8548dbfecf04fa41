// Processes under mpirun pass what every world must. Started once for each number of ranks.
#include <gtest/gtest.h>

#include "tests/comm/mpi_world.hpp"
#include "tests/conformance/communicator_conformance.hpp"

namespace ballast::conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(Mpi, communicator_conformance, comm::mpi_world);
}
