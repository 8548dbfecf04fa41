#include "tests/gpu/element_results.hpp"

namespace ballast::gpu {
namespace {

constexpr unsigned threads = 256;

__global__ void results(const element_inputs* in, element_results* out, std::size_t n) {
  const std::size_t i = std::size_t{blockIdx.x} * threads + threadIdx.x;
  if (i < n) {
    results_of(in[i], out[i]);
  }
}

}  // namespace

void results_by_nvcc(std::span<const element_inputs> in, std::span<element_results> out) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    results_of(in[i], out[i]);
  }
}

void launch_results(std::span<const element_inputs> in, std::span<element_results> out) {
  const auto blocks = static_cast<unsigned>((in.size() + threads - 1) / threads);
  results<<<blocks, threads>>>(in.data(), out.data(), in.size());
}

}  // namespace ballast::gpu
