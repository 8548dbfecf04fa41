// The sum over ranks, in the one order and rounding that every communicator keeps.
#pragma once

#include <ballast/encoding.hpp>
#include <span>

#include "comm/sum_loops.hpp"

namespace ballast::comm {

/// Sums with the widest instructions of this machine, in the calling thread.
///
/// Shapes:  target[n], each of sources[ranks][n], elements of `type`; one source is copied as it is
/// Memory:  any alignment; target may be one of the sources
/// Threads: whose floating-point mode is the default one (call_queue's is)
void ordered_sum(std::span<std::byte> target, std::span<const std::byte* const> sources,
                 dtype type);

}  // namespace ballast::comm
