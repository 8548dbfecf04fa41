// Does a real GPU's device pass what every device promises, and does its state by value equal the
// CPU's?
#include "cpu/update_backend.hpp"
#include "gpu/cuda_device.hpp"
#include "tests/conformance/device_conformance.hpp"
#include "tests/gpu/awkward_state.hpp"

namespace ballast {
namespace {

INSTANTIATE_TEST_SUITE_P(Gpu, device_conformance,
                         ::testing::Values(device_maker{
                             "gpu",
                             [](bytes capacity) { return gpu::make_cuda_device(capacity); }}),
                         [](const auto& made) { return made.param.name; });

TEST(GpuDevice, KeepsStateByValueAsTheCpuDoes) {
  const std::vector<float> master = gpu::awkward_floats(1000, 1, 0);
  for (const encoding stored :
       {encoding::fp32, encoding::exact, encoding::fp16, encoding::bf16, encoding::int8}) {
    auto host = std::move(cpu::make_update_backend(instruction_set::automatic).value());
    const auto device = std::move(gpu::make_cuda_device({1 << 20}, std::move(host)).value());
    gpu::awkward_state expected(stored, optimizer::adamw, compute_type(stored), master.size());
    state_view there = expected.view;
    for (std::size_t part = 0; part < gpu::state_arrays.size(); ++part) {
      const bytes size{expected.arrays[part].size()};
      there.*gpu::state_arrays[part] =
          size == bytes{0} ? nullptr : device->allocate(size).value().data();
    }
    std::uint32_t findings = 0;
    device->updates().encode_master(stored, master, there, findings);
    std::vector<float> seen(master.size());
    std::vector<float> wanted(master.size());
    device->updates().decode_master(stored, there, seen);
    cpu::reference::encode_master(stored, master, expected.view, findings);
    cpu::reference::decode_master(stored, expected.view, wanted);
    EXPECT_EQ(seen, wanted) << to_string(stored);
  }
}

}  // namespace
}  // namespace ballast
