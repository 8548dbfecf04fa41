// The main of tests that need a GPU: without one it exits with 77, which ctest counts as skipped. A
// listing of the cases works everywhere.
#include <gtest/gtest.h>

#include <cstdio>

#include "gpu/errors.hpp"

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  int gpus = 0;
  const auto there = ballast::gpu::checked(cudaGetDeviceCount(&gpus), "looking for a GPU");
  if (!there && !testing::GTEST_FLAG(list_tests)) {
    std::printf("skipped: %s\n", there.error().message.c_str());
    return 77;
  }
  return RUN_ALL_TESTS();
}
