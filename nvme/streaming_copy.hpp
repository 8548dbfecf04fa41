// Copies memory that nobody will look at soon, past the caches.
//
// Between a caller's memory and a staging buffer both sides are cold: ordinary stores would first
// fetch the lines that they overwrite, from wherever the disk's side has them.
#pragma once

#include <cstddef>
#include <span>

namespace ballast::nvme {

/// Shapes:  from and to of one size, not overlapping, any alignment
void streaming_copy(std::span<const std::byte> from, std::span<std::byte> to);

}  // namespace ballast::nvme
