// An opaque name of an ordered queue of work: a CUDA stream, or the calling thread of the host
// device.
#pragma once

#include <cstdint>

namespace ballast {

struct stream_ref {
  void* handle =
      nullptr;  ///< nullptr: the caller's own order (host device), the legacy stream (CUDA)
  friend constexpr bool operator==(stream_ref, stream_ref) = default;
};

}  // namespace ballast
