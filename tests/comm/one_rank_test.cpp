// A world of one passes what every world must, and refuses spans that cannot belong to it.
#include <gtest/gtest.h>

#include "comm/one_rank.hpp"
#include "comm/ranks.hpp"
#include "tests/conformance/communicator_conformance.hpp"

namespace ballast::comm {
namespace {

struct one_rank_world {
  static constexpr std::uint32_t ranks = 1;

  template <class Body>
  void run(Body body) {
    const auto one = make_one_rank_communicator();
    body(*one);
  }
};

TEST(OneRank, RefusesAShardThatIsNotItsRange) {
  const auto one = make_one_rank_communicator();
  std::vector<std::byte> whole(64);
  std::vector<std::byte> half(32);
  const element_range all{{0}, {64}};
  EXPECT_DEATH((void)one->all_gather({half, whole, {&all, 1}, {1}}, {}),
               "a shard is as long as its range");
}

TEST(Ranks, WhatIsNotThereSaysSo) {
  EXPECT_EQ(make_mpi_communicator().error().code, errc::unsupported);
  EXPECT_EQ(make_nccl_communicator().error().code, errc::unsupported);
  EXPECT_NE(make_mpi_communicator().error().message.find("MPI"), std::string::npos);
}

}  // namespace
}  // namespace ballast::comm

namespace ballast::conformance {
INSTANTIATE_TYPED_TEST_SUITE_P(OneRank, communicator_conformance, comm::one_rank_world);
}
