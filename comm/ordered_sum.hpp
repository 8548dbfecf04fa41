// What collectives do in memory, with the widest instructions of this machine: the sum over ranks, in
// the one order and rounding that every communicator keeps, and the copy.
#pragma once

#include <ballast/encoding.hpp>
#include <span>

#include "comm/sum_loops.hpp"

namespace ballast::comm {

/// Where what is written comes to rest. Past the cache it costs no read of the line before, which is
/// worth a third of a sum of two, and it costs one where the line is wanted soon.
enum class stores : unsigned char { cached, streamed };

/// Shapes:  target[n], each of sources[ranks][n], elements of `type`; one source is copied as it is
/// Memory:  any alignment; target may be one of the sources, then its stores are cached
/// Threads: whose floating-point mode is the default one (queued_communicator's is)
void ordered_sum(std::span<std::byte> target, std::span<const std::byte* const> sources, dtype type,
                 stores how = stores::cached);

/// Nothing where they are the same memory.
void copy(std::span<std::byte> target, const std::byte* source, stores how = stores::cached);

}  // namespace ballast::comm
