// The optimizers' arithmetic on one run of elements, behind one interface a place: the CPU's
// kernels for host memory and the host device, CUDA's for a GPU.
//
// Every backend equals the scalar reference bit for bit (cpu/reference.hpp is the specification;
// the formulas of one element are in ballast/arithmetic).
#pragma once

#include <ballast/encoding.hpp>
#include <ballast/stream.hpp>
#include <span>

namespace ballast {

/// What is done to every element of a run.
struct update_recipe {
  encoding stored = encoding::fp32;
  dtype gradient = dtype::f32;  ///< of the view's gradient
  optimizer_scalars scalars;
  std::uint64_t noise_key = 0;  ///< arithmetic::noise_key(seed, step); bf16 and int8 round by it
};

/// Addresses of the arrays of a run of elements; which exist, and their types, is the encoding's
/// and the optimizer's (layout_of).
///
/// Shapes:  weights[n], residual[n], momentum[n], variance[n], gradient[n];
///          momentum_scale[ceil(n / 128)], variance_scale[ceil(n / 128)]; nullptr where there is
///          none
/// Memory:  any alignment; 64 B is fastest
struct state_view {
  std::byte* weights = nullptr;
  std::byte* residual = nullptr;
  std::byte* momentum = nullptr;
  std::byte* variance = nullptr;
  std::byte* momentum_scale = nullptr;
  std::byte* variance_scale = nullptr;
  const std::byte* gradient = nullptr;
  elements count;
  elements first = {};  ///< flat index of its first element, a multiple of 128
};

/// What an update or a gradient pass may find; flags are or-ed together.
enum finding : std::uint32_t {
  found_nothing = 0,
  found_non_finite_gradient = 1,
  found_weight_overflow = 2,  ///< a finite master has no finite weight; in int8: an infinite weight
};

class update_backend {
 public:
  virtual ~update_backend() = default;

  /// The instruction set or device in use, for reports: "avx512", "sse2", "sm_90".
  virtual std::string_view name() const = 0;

  /// One optimizer step in place. The CPU's runs in the calling thread; a device's is enqueued on
  /// `stream` and `findings` is valid once the stream has passed it.
  ///
  /// Memory:  no more than `view` is read or written; a GPU's `findings` are pinned host memory
  /// Threads: any, on disjoint views
  virtual void update(const update_recipe& recipe, const state_view& view, std::uint32_t& findings,
                      stream_ref stream) = 0;

  /// Rounds an fp32 gradient to the compute type and takes its block sums of squares.
  ///
  /// Shapes:  source[n] f32; target[n] of `type`, may be the same memory (on a GPU, whose threads
  ///          do not go in order, for f32 only); sums[ceil(n / 4096)] f64
  /// Why:     the sum is of the rounded values, widened to double, in the order README fixes:
  ///          inside a block element i goes to lane i mod 16, lanes are folded pairwise
  virtual void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                               std::span<double> sums, std::uint32_t& findings,
                               stream_ref stream) = 0;

  /// into[i] += from[i].
  virtual void accumulate(std::span<float> into, std::span<const float> from,
                          stream_ref stream) = 0;

  // State by value. Not on the path of a step; each returns when it is done.

  /// Stores fp32 master values as weights and residual; moments are set to zero where `view` has
  /// them.
  ///
  /// Errors:  found_weight_overflow in `findings`
  virtual void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                             std::uint32_t& findings) = 0;

  /// The fp32 master values that weights and residual stand for.
  virtual void decode_master(encoding stored, const state_view& view,
                             std::span<float> master) const = 0;

  /// Stores fp32 values as the view's momentum or variance, rounded to nearest.
  ///
  /// Shapes:  values[n] of the whole view
  virtual void encode_moment(encoding stored, state_part which, std::span<const float> values,
                             const state_view& view) = 0;

  /// The fp32 values that the view's momentum or variance stands for.
  virtual void decode_moment(encoding stored, state_part which, const state_view& view,
                             std::span<float> values) const = 0;
};

}  // namespace ballast
