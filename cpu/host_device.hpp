// The device of a machine without a GPU: an arena of 2 MiB pages under a hard cap, a copy thread
// that serves its upload and download link, and the CPU's update kernels. Its stream is the calling
// thread.
//
// It owns arena and thread; destroying it completes queued transfers first. Any thread may call it.
#pragma once

#include <ballast/config.hpp>
#include <ballast/device.hpp>
#include <ballast/memory.hpp>
#include <memory>

namespace ballast::cpu {

/// Errors: exhausted when the machine cannot hold `capacity`; those of make_update_backend
result<std::unique_ptr<device>> make_host_device(bytes capacity, instruction_set isa);

/// The same in memory that others can read: `arena` holds `capacity` at least.
result<std::unique_ptr<device>> make_host_device(bytes capacity, instruction_set isa,
                                                 std::unique_ptr<memory_region> arena);

}  // namespace ballast::cpu
