// The GPU as a device tier: memory under a cap, an upload and a download link, the update kernels.
//
// It owns its memory, its streams and one completion thread; destroying it completes queued
// transfers first. Any thread may call it. Without CUDA in the build the door is the same and
// answers unsupported (unavailable.cpp).
#pragma once

#include <ballast/device.hpp>
#include <memory>

namespace ballast::gpu {

class runtime;

/// Opens the current GPU with a hard cap of `capacity` bytes. `host` is the CPU's backend that
/// reads and writes state by value (encode_* and decode_* of updates()); without one they may not
/// be called.
///
/// Errors: unsupported without CUDA in the build, or without a driver or a GPU at run time; the
///         message names the flag or the option to change. exhausted when the GPU holds less than
///         `capacity`
result<std::unique_ptr<device>> make_cuda_device(bytes capacity,
                                                 std::unique_ptr<update_backend> host = nullptr);

/// The same on a given runtime.
result<std::unique_ptr<device>> make_device_on(std::shared_ptr<runtime> calls, bytes capacity,
                                               std::unique_ptr<update_backend> host = nullptr);

}  // namespace ballast::gpu
