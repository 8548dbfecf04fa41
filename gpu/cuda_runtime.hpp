// The real runtime behind the seam. Which source stands behind this door is CMake's choice:
// cuda_runtime.cpp in a CUDA build, unavailable.cpp otherwise; callers see one kind of error.
#pragma once

#include <memory>

#include "gpu/runtime.hpp"

namespace ballast::gpu {

/// CUDA on the current GPU.
///
/// Errors: unsupported without CUDA in the build, without a driver or a GPU, or with a GPU that is
///         too old; the message names the flag or the option to change
result<std::shared_ptr<runtime>> make_cuda_runtime();

}  // namespace ballast::gpu
