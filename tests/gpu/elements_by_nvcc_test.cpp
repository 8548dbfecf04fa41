// Are the element functions the same to nvcc's host side as to the C++ compiler, every bit?
#include <gtest/gtest.h>

#include <cstring>

#include "tests/gpu/awkward_inputs.hpp"

namespace ballast::gpu {
namespace {

TEST(GpuElements, AreTheSameToBothCompilers) {
  const std::vector<element_inputs> in = awkward_inputs(200'000);
  std::vector<element_results> mine(in.size());
  std::vector<element_results> nvccs(in.size());
  results_by_host_compiler(in, mine);
  results_by_nvcc(in, nvccs);
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (std::size_t k = 0; k < element_result_count; ++k) {
      ASSERT_EQ(nvccs[i].word[k], mine[i].word[k]) << "result " << k << " of input " << i;
    }
  }
}

}  // namespace
}  // namespace ballast::gpu
