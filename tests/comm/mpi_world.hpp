// The processes that mpirun has started, as ranks of a test: each runs the body.
#pragma once

#include <gtest/gtest.h>

#include <comm/ranks.hpp>
#include <cstdlib>

namespace ballast::comm {

struct mpi_world {
  static inline const auto ranks =
      static_cast<std::uint32_t>(std::atoi(std::getenv("OMPI_COMM_WORLD_SIZE")));

  template <class Body>
  void run(Body body) {
    const auto own = make_mpi_communicator();
    ASSERT_TRUE(own) << own.error().message;
    body(**own);
  }
};

}  // namespace ballast::comm
