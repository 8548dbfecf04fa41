// The arrays of a run of device state, copied to host memory and back: for reading and writing
// state by value, off the path of a step.
#pragma once

#include <vector>

#include "gpu/stream.hpp"

namespace ballast::gpu {

/// Threads: one caller at a time
class staged_state {
 public:
  /// Host memory for the arrays that `device` has; its content is undefined. Both outlive it.
  staged_state(runtime& calls, const stream& on, encoding stored, const state_view& device);

  /// The host side of the arrays.
  const state_view& view() const { return host_; }

  /// Device to host once all earlier work on the device is done; returns when the bytes are there.
  status fetch();
  /// Host to device; returns when the bytes are there.
  status put();

 private:
  struct staged_array {
    std::span<std::byte> device;
    std::span<std::byte> host;
  };

  runtime& calls_;
  const stream& stream_;
  state_view host_;
  std::vector<staged_array> arrays_;
  std::vector<std::byte> memory_;
};

}  // namespace ballast::gpu
