// What CUDA reports becomes our failure, with a code a caller can act on and the place that asked.
#include "gpu/errors.hpp"

#include <gtest/gtest.h>

namespace ballast::gpu {
namespace {

TEST(CudaErrors, SuccessIsSuccess) { EXPECT_TRUE(checked(cudaSuccess, "nothing")); }

TEST(CudaErrors, ALackAFullDeviceAndAFailureAreDifferentCodes) {
  EXPECT_EQ(checked(cudaErrorInsufficientDriver, "x").error().code, errc::unsupported);
  EXPECT_EQ(checked(cudaErrorNoDevice, "x").error().code, errc::unsupported);
  EXPECT_EQ(checked(cudaErrorMemoryAllocation, "x").error().code, errc::exhausted);
  EXPECT_EQ(checked(cudaErrorIllegalAddress, "x").error().code, errc::device_failure);
}

TEST(CudaErrors, TheMessageNamesOperationErrorAndPlace) {
  const failure problem = checked(cudaErrorIllegalAddress, "upload of 4096 B").error();
  EXPECT_NE(problem.message.find("upload of 4096 B"), std::string::npos) << problem.message;
  EXPECT_NE(problem.message.find("cudaErrorIllegalAddress"), std::string::npos) << problem.message;
  EXPECT_NE(problem.message.find("errors_test.cpp"), std::string::npos) << problem.message;
}

}  // namespace
}  // namespace ballast::gpu
