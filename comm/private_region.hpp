// Memory of this process, on 2 MiB pages where the kernel has them: what ranks use that share one
// address space.
#pragma once

#include <ballast/memory.hpp>
#include <memory>

namespace ballast::comm {

/// Memory:  zero, touched, a multiple of 2 MiB from an address that is one
/// Errors:  exhausted with the amount
result<std::unique_ptr<memory_region>> make_private_region(bytes size);

}  // namespace ballast::comm
