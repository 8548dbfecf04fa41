#include "gpu/cuda_runtime.hpp"

namespace ballast::gpu {

result<std::shared_ptr<runtime>> make_cuda_runtime() {
  return failure{
      errc::unsupported,
      "this build has no CUDA device: configure with -DBALLAST_CUDA=ON (preset cuda), or "
      "choose the host device"};
}

}  // namespace ballast::gpu
