// The GPU as a device tier. Which source stands behind this door is CMake's choice: cuda_device.cpp
// in a CUDA build, unavailable.cpp otherwise; callers see one factory and one kind of error.
#pragma once

#include <ballast/device.hpp>
#include <memory>

namespace ballast::gpu {

/// Opens the current GPU with a hard cap of `capacity` bytes.
///
/// Errors: unsupported without CUDA in the build, or without a driver or a GPU at run time; the
///         message names the flag or the option to change. exhausted when the GPU holds less than
///         `capacity`
result<std::unique_ptr<device>> make_cuda_device(bytes capacity);

}  // namespace ballast::gpu
