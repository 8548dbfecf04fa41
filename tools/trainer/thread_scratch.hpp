// Memory that each compute thread works in for the length of one task: cut from the workspace,
// found by the thread's slot, never shared between threads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ballast::tools {

struct thread_scratch {
  std::span<std::byte> product;    ///< a block product's own scratch
  std::span<float> block;          ///< a block of C before it is finished
  std::span<std::byte> attention;  ///< one head's scores and gradients
};

using scratch_set = std::vector<thread_scratch>;

}  // namespace ballast::tools
