#include "gpu/cuda_device.hpp"

namespace ballast::gpu {

result<std::unique_ptr<device>> make_cuda_device(bytes) {
  return failure{
      errc::unsupported,
      "this build has no CUDA device: configure with -DBALLAST_CUDA=ON (preset cuda), or "
      "choose the host device"};
}

}  // namespace ballast::gpu
