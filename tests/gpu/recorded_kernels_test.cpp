// Does the suite of the kernels hold for the CPU's own, behind the recorded runtime? That shows
// that the suite is right, where there is no GPU to run it on.
#include "cpu/update_backend.hpp"
#include "tests/gpu/kernel_conformance.hpp"
#include "tests/gpu/recording_runtime.hpp"

namespace ballast::gpu {

std::shared_ptr<runtime> runtime_under_test() {
  static const std::unique_ptr<update_backend> kernels =
      std::move(cpu::make_update_backend(instruction_set::automatic).value());
  return std::make_shared<recording_runtime>(*kernels, bytes{64 << 20});
}

std::vector<std::size_t> sizes_under_test() { return {0, 1, 127, 128, 129, 4095, 4096, 4097}; }

INSTANTIATE_TEST_SUITE_P(Gpu, update_conformance, every_update(), update_case_name);
INSTANTIATE_TEST_SUITE_P(Gpu, gradient_conformance,
                         testing::Values(dtype::f32, dtype::bf16, dtype::f16),
                         [](const auto& each) { return std::string(to_string(each.param)); });

}  // namespace ballast::gpu
