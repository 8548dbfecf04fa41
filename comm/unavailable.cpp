#include "comm/ranks.hpp"

namespace ballast::comm {

result<std::vector<std::unique_ptr<communicator>>> make_thread_communicators(std::uint32_t) {
  return failure{errc::unsupported,
                 "ranks as threads: not in this version of Ballast; run one rank"};
}

result<std::unique_ptr<communicator>> make_mpi_communicator() {
  return failure{
      errc::unsupported,
      "ranks under MPI (-DBALLAST_MPI=ON): not in this version of Ballast; run one rank"};
}

result<std::unique_ptr<communicator>> make_nccl_communicator() {
  return failure{
      errc::unsupported,
      "ranks under NCCL (-DBALLAST_NCCL=ON): not in this version of Ballast; run one rank"};
}

}  // namespace ballast::comm
