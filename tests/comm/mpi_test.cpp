// Processes under mpirun pass what every world must. Started once for each number of ranks.
#include <gtest/gtest.h>

#include "tests/comm/mpi_world.hpp"
#include "tests/conformance/communicator_conformance.hpp"

namespace ballast::conformance {
using mpi_worlds = ::testing::Types<comm::mpi_world<0>, comm::mpi_world<2>, comm::mpi_world<4>>;
INSTANTIATE_TYPED_TEST_SUITE_P(Mpi, communicator_conformance, mpi_worlds);
}  // namespace ballast::conformance
