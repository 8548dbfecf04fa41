// The kernels on a real GPU against the scalar reference: every bit of state, gradient, sums,
// findings, in every encoding, with every optimizer and gradient type.
#include "gpu/cuda_runtime.hpp"
#include "tests/gpu/kernel_conformance.hpp"

namespace ballast::gpu {

std::shared_ptr<runtime> runtime_under_test() {
  static const std::shared_ptr<runtime> here = std::move(make_cuda_runtime().value());
  return here;
}

std::vector<std::size_t> sizes_under_test() {
  constexpr std::size_t large = 1 << 20;
  return {0, 1, 127, 128, 129, 4095, 4096, 4097, large - 1, large, large + 1};
}

INSTANTIATE_TEST_SUITE_P(Gpu, update_conformance, every_update(), update_case_name);
INSTANTIATE_TEST_SUITE_P(Gpu, gradient_conformance,
                         testing::Values(dtype::f32, dtype::bf16, dtype::f16),
                         [](const auto& each) { return std::string(to_string(each.param)); });

}  // namespace ballast::gpu
