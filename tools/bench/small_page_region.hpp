// Memory on 4 KiB pages, as a caller brings it who knows nothing of disks: the opposite of a huge
// page region, for what must be measured with it.
#pragma once

#include <ballast/memory.hpp>
#include <memory>

namespace ballast::tools {

/// Memory:  touched, so that its pages lie where the kernel had some
/// Errors:  exhausted
result<std::unique_ptr<memory_region>> make_small_page_region(bytes size);

}  // namespace ballast::tools
