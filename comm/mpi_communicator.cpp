#include "comm/mpi_ranks.hpp"
#include "comm/queued_communicator.hpp"
#include "comm/ranks.hpp"

namespace ballast::comm {

result<std::unique_ptr<communicator>> make_mpi_communicator(rank_limits limits) {
  auto ranks = make_mpi_ranks(limits);
  if (!ranks) return ranks.error();
  return std::unique_ptr<communicator>(std::make_unique<queued_communicator>(*std::move(ranks)));
}

}  // namespace ballast::comm
