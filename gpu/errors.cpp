#include "gpu/errors.hpp"

#include <fmt/format.h>

namespace ballast::gpu {
namespace {

errc code_of(cudaError_t outcome) {
  switch (outcome) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion: return errc::unsupported;
    case cudaErrorMemoryAllocation: return errc::exhausted;
    default: return errc::device_failure;
  }
}

std::string_view remedy_of(errc code) {
  switch (code) {
    case errc::unsupported:
      return "; needs a GPU of compute capability 8.0 or later and its driver";
    case errc::exhausted: return "; lower --device-memory or free the GPU";
    default: return "";
  }
}

}  // namespace

status checked(cudaError_t outcome, std::string_view what, std::source_location where) {
  if (outcome == cudaSuccess) {
    return {};
  }
  const errc code = code_of(outcome);
  return failure{code, fmt::format("CUDA: {}: {} ({}, {}:{}){}", what, cudaGetErrorString(outcome),
                                   cudaGetErrorName(outcome), where.file_name(), where.line(),
                                   remedy_of(code))};
}

}  // namespace ballast::gpu
