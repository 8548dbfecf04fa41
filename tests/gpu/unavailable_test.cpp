// A build without CUDA says so, and names the flag.
#include <gtest/gtest.h>

#include "gpu/cuda_device.hpp"

namespace ballast::gpu {
namespace {

TEST(CudaDevice, NamesTheFlagOfTheBuildThatHasIt) {
  const auto made = make_cuda_device({1 << 20});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, errc::unsupported);
  EXPECT_NE(made.error().message.find("-DBALLAST_CUDA=ON"), std::string::npos);
}

}  // namespace
}  // namespace ballast::gpu
