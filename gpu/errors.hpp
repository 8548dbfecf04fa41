// The one place where a cudaError_t becomes a failure of ours.
#pragma once

#include <cuda_runtime_api.h>

#include <ballast/result.hpp>
#include <source_location>

namespace ballast::gpu {

/// Success, or what `outcome` means to a caller of ours; `what` names the operation: "upload of
/// 4096 B".
///
/// Why:    a machine without GPU or driver is a lack (unsupported), a full GPU a limit (exhausted);
///         what is left is the device's or our own failure and carries CUDA's name for it and our
///         place
/// Errors: unsupported, exhausted, device_failure
status checked(cudaError_t outcome, std::string_view what,
               std::source_location where = std::source_location::current());

}  // namespace ballast::gpu
