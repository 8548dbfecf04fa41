// What `ballast bench memory` does with three arrays, and what they must hold afterwards.
#pragma once

#include <span>

#include "tools/bench/thread_team.hpp"
#include "tools/bench/traffic_table.hpp"

namespace ballast::tools {

/// Three arrays of fp32, a line multiple long.
struct memory_arrays {
  std::byte* to;
  std::byte* a;
  std::byte* b;
  elements count;
};

/// What is done with them, by one set of loops, on a part that begins at a line.
struct operation {
  const char* name;
  bool streamed;
  unsigned arrays;  ///< how many are read or written
  void (*run)(const traffic_loops& loops, const memory_arrays& arrays, std::size_t begin,
              std::size_t size);
};

/// read; write, copy and triad, each with ordinary and with streaming stores.
std::span<const operation> memory_operations();

/// Values that copies and sums can be told by.
void fill(const memory_arrays& arrays, thread_team& team);

/// What `to` must hold at element i after the operation; a written line has the last bit of every
/// 64 set.
bool holds(const operation& done, const memory_arrays& arrays, std::uint64_t i);

}  // namespace ballast::tools
