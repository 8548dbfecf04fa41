// The processes that mpirun has started, as ranks of a test: each runs the body.
#pragma once

#include <gtest/gtest.h>

#include <comm/mpi_ranks.hpp>
#include <comm/queued_communicator.hpp>
#include <cstdlib>

namespace ballast::comm {

/// On `Hosts` pretended hosts, rank r on host r mod Hosts; 0: as they are.
template <std::uint32_t Hosts>
struct mpi_world {
  static inline const auto ranks =
      static_cast<std::uint32_t>(std::atoi(std::getenv("OMPI_COMM_WORLD_SIZE")));

  template <class Body>
  void run(Body body) {
    auto made = make_mpi_ranks({}, Hosts);
    ASSERT_TRUE(made) << made.error().message;
    queued_communicator own(*std::move(made));
    body(own);
  }
};

}  // namespace ballast::comm
