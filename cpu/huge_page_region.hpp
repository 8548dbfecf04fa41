// A memory region of 2 MiB pages: mapped aligned, touched once in parallel when it is made, then
// checked.
//
// The region owns its mapping until it is destroyed; what it holds never moves. An inaccessible
// page lies on either side, so a run past an end stops the process there.
#pragma once

#include <ballast/memory.hpp>
#include <memory>

namespace ballast::cpu {

inline constexpr bytes huge_page{std::uint64_t{2} << 20};

/// Why:     2 MiB pages are worth 3.2x (read) and 2.2x (write) to direct I/O, and fewer TLB misses
///          to the update; so they are asked for, collapsed where refused at first, and counted
/// Memory:  zero-filled, touched; rounded up to whole 2 MiB pages (span() is exact)
/// Threads: `by` touches it, part by part; without it plain threads, one a core, all joined on
///          return
/// Errors:  exhausted, with the amounts, when the machine, a control group or RLIMIT_AS cannot hold
///          it
result<std::unique_ptr<memory_region>> make_huge_page_region(bytes size,
                                                             std::span<const bytes> parts = {},
                                                             const first_touch& by = {});

}  // namespace ballast::cpu
