// The caller's activations while they are off the device: in host memory, out of its reservation.
//
// Owned by the engine. Caller's thread only.
#pragma once

#include <unordered_map>

#include "caller_memory.hpp"
#include "tile_homes.hpp"

namespace ballast {

class stored_activations {
 public:
  stored_activations(tile_homes& homes, caller_memory& memory) : homes_(homes), memory_(memory) {}

  /// Errors: exhausted; device_failure
  result<activation_id> store(std::span<const std::byte> device_memory, stream_ref stream);
  /// Brings it back and forgets it.
  ///
  /// Errors: invalid_argument for one that is not there, or of another size; device_failure
  status load(activation_id which, std::span<std::byte> device_memory, stream_ref stream);

 private:
  struct kept {
    memory_lease memory;
    ticket download;
  };

  tile_homes& homes_;
  caller_memory& memory_;
  std::unordered_map<std::uint32_t, kept> kept_;
  std::uint32_t next_ = 0;
};

}  // namespace ballast
