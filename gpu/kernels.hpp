// The launchers of this room's kernels: the loops of update_backend on device memory, each enqueued
// on a stream and over when the stream has passed it. runtime.hpp is how the rest of the room
// reaches them.
//
// Memory:  every pointer is one that the GPU can read: device memory, or pinned host memory for
//          `sums` and `findings`, a word that results are or-ed into
// Threads: any, on disjoint memory
// Errors:  of the launch itself; those of the run come with the next call that waits for the stream
#pragma once

#include <ballast/result.hpp>
#include <ballast/update.hpp>

namespace ballast::gpu {

/// One optimizer step in place.
status launch_update(const update_recipe& recipe, const state_view& view, std::uint32_t* findings,
                     stream_ref stream);

// The same for one encoding each; recipe.stored is that encoding and the view is not empty.
void launch_update_fp32(const update_recipe& recipe, const state_view& view, stream_ref stream);
void launch_update_exact(const update_recipe& recipe, const state_view& view,
                         std::uint32_t* findings, stream_ref stream);
void launch_update_fp16(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream);
void launch_update_bf16(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream);
void launch_update_int8(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream);

/// Rounds a gradient to the compute type, with the sum of squares of each block of 4096.
///
/// Shapes: source[n] f32; target[n] of `type`, may be the same memory for f32; sums[ceil(n / 4096)]
///         f64
status launch_encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                              std::span<double> sums, std::uint32_t* findings, stream_ref stream);

/// target[i] = scale * source[i], canonical: a gradient of the compute type widened and unscaled.
///
/// Shapes: source[n] of `type`; target[n] f32, may be the same memory for f32
status launch_decode_gradient(const std::byte* source, dtype type, float scale,
                              std::span<float> target, stream_ref stream);

/// into[i] += from[i].
status launch_accumulate(std::span<float> into, std::span<const float> from, stream_ref stream);

}  // namespace ballast::gpu
