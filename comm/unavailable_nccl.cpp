#include "comm/ranks.hpp"

namespace ballast::comm {

result<std::unique_ptr<communicator>> make_nccl_communicator() {
  return failure{
      errc::unsupported,
      "ranks under NCCL (-DBALLAST_NCCL=ON): not in this version of Ballast; run one rank"};
}

}  // namespace ballast::comm
