#include "gpu/cuda_device.hpp"

#include <fmt/format.h>

#include "gpu/errors.hpp"

namespace ballast::gpu {

result<std::unique_ptr<device>> make_cuda_device(bytes) {
  int count = 0;
  if (auto done = checked(cudaGetDeviceCount(&count), "looking for a GPU"); !done) {
    return done.error();
  }
  int ordinal = 0;
  cudaDeviceProp properties{};
  if (auto done = checked(cudaGetDevice(&ordinal), "looking for a GPU"); !done) {
    return done.error();
  }
  if (auto done = checked(cudaGetDeviceProperties(&properties, ordinal), "asking a GPU"); !done) {
    return done.error();
  }
  return failure{
      errc::unsupported,
      fmt::format("{} is here, but this version of Ballast has no tier on it yet: choose "
                  "the host device",
                  properties.name)};
}

}  // namespace ballast::gpu
