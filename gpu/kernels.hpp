// The launchers of this room's kernels: the loops of update_backend on device memory, each enqueued
// on a stream and over when the stream has passed it.
//
// Memory:  every pointer is device memory; `findings` is one word that results are or-ed into
// Threads: any, on disjoint memory
// Errors:  of the launch itself; those of the run come with the next call that waits for the stream
#pragma once

#include <ballast/result.hpp>
#include <ballast/update.hpp>

namespace ballast::gpu {

/// One AdamW step in place.
status launch_update(encoding stored, const adamw_scalars& scalars, const state_view& view,
                     std::uint32_t* findings, stream_ref stream);

/// Rounds a gradient to the compute type, with the sum of squares of each block of 4096.
///
/// Shapes: source[n] f32; target[n] of `type`, may be the same memory for f32; sums[ceil(n / 4096)]
///         f64
status launch_encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                              std::span<double> sums, std::uint32_t* findings, stream_ref stream);

/// into[i] += from[i].
status launch_accumulate(std::span<float> into, std::span<const float> from, stream_ref stream);

}  // namespace ballast::gpu
