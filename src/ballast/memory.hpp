// Owners of memory. A region is allocated once, zero-filled by its first touch, and given out in
// pieces; what it holds is fixed for its whole life.
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <functional>
#include <span>
#include <string>

namespace ballast {

/// Calls touch(piece) for pieces [0, count), each on a thread of the NUMA node that will work on
/// it: memory comes to rest on the node of the thread that touches it first.
using first_touch =
    std::function<void(std::size_t count, const std::function<void(std::size_t piece)>& touch)>;

/// One contiguous, CPU-addressable, touched piece of memory; released by the destructor.
class memory_region {
 public:
  virtual ~memory_region() = default;
  virtual std::span<std::byte> span() const = 0;
  /// What backs it, checked after the first touch: "2 MiB pages", "2 MiB pages for 41 of 48 MiB",
  /// ...
  virtual std::string backing() const = 0;
};

}  // namespace ballast
