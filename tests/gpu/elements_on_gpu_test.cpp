// Are the element functions the same on the GPU as on the host, every bit?
#include <gtest/gtest.h>

#include "gpu/cuda_runtime.hpp"
#include "tests/gpu/awkward_inputs.hpp"

namespace ballast::gpu {
namespace {

TEST(GpuElements, AreTheSameOnTheGpu) {
  const auto calls = std::move(make_cuda_runtime().value());
  const std::vector<element_inputs> in = awkward_inputs(200'000);
  std::vector<element_results> host(in.size());
  std::vector<element_results> gpus(in.size());
  results_by_host_compiler(in, host);

  const auto from = std::as_bytes(std::span(in));
  const auto to = std::as_writable_bytes(std::span(gpus));
  const std::span inputs(calls->allocate({from.size()}).value(), from.size());
  const std::span outputs(calls->allocate({to.size()}).value(), to.size());
  ASSERT_TRUE(calls->upload(inputs, from, {}));
  ASSERT_TRUE(calls->fill_zero(outputs, {}));
  launch_results({reinterpret_cast<const element_inputs*>(inputs.data()), in.size()},
                 {reinterpret_cast<element_results*>(outputs.data()), in.size()});
  ASSERT_TRUE(calls->download(to, outputs, {}));
  ASSERT_TRUE(calls->wait_for_all());
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (std::size_t k = 0; k < element_result_count; ++k) {
      ASSERT_EQ(gpus[i].word[k], host[i].word[k]) << "result " << k << " of input " << i;
    }
  }
  calls->free(inputs.data());
  calls->free(outputs.data());
}

}  // namespace
}  // namespace ballast::gpu
