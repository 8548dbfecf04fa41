// The loops of collectives in memory: the ordered sum and the copy, one table an instruction set.
//
// Included by translation units that are compiled for one instruction set, so it includes nothing
// with a function body.
#pragma once

#include <cstddef>

namespace ballast::comm {

/// target[i] = the sum of sources[r][i] over r in ascending order, in fp32, rounded once; every NaN
/// is the type's one quiet NaN.
///
/// Shapes:  target[count], sources[ranks][count]; ranks is at least 2
/// Memory:  any alignment. target may be one of the sources; else they do not overlap
using sum_loop = void (*)(std::byte* target, const std::byte* const* sources, std::size_t ranks,
                          std::size_t count);

/// Memory:  any alignment; they do not overlap
using copy_loop = void (*)(std::byte* target, const std::byte* source, std::size_t size);

/// `[streamed]`: with ordinary stores; with stores past the cache, for targets that it does not hold.
struct sum_loops {
  sum_loop of_type[2][3];  ///< by dtype: f32, bf16, f16
  copy_loop copy[2];
};

extern const sum_loops sse2_sums;
extern const sum_loops avx2_sums;
extern const sum_loops avx512_sums;

}  // namespace ballast::comm
