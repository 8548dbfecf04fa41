// The optimizer's arithmetic on one run of elements, behind one interface a place: the CPU's
// kernels for host memory and the host device, CUDA's for a GPU.
//
// Every backend equals the scalar reference bit for bit (cpu/adamw_reference.hpp is the
// specification).
#pragma once

#include <ballast/encoding.hpp>
#include <ballast/stream.hpp>
#include <span>

namespace ballast {

/// Hyperparameters of AdamW (Loshchilov & Hutter 2019; defined as PyTorch's torch.optim.AdamW).
struct adamw_options {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

/// Everything one step's update reads besides the state, computed once a step in double. The
/// moments are computed in double and rounded once; the weights in fp32 (cpu/README.md, Formulas).
struct adamw_scalars {
  double beta1;
  double momentum_gain;  ///< (1 - beta1) * scale; scale = clip coefficient / loss scale
  double beta2;
  double variance_gain;  ///< (1 - beta2) * scale^2
  float step_size;       ///< learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)
  float epsilon;         ///< options.epsilon * sqrt(1 - beta2^t)
  float decay_rate;      ///< learning_rate * weight_decay
};

/// `step` is Adam's step number, from 1; `gradient_scale` is clip coefficient / loss scale.
adamw_scalars make_adamw_scalars(const adamw_options& options, double learning_rate,
                                 std::uint64_t step, double gradient_scale);

/// Addresses of the arrays of a run of elements; which exist, and their types, is the encoding's.
///
/// Shapes:  weights[n], residual[n] or nullptr, momentum[n], variance[n], gradient[n] of the
///          compute type
/// Memory:  64 B aligned at multiples of 128 elements
struct state_view {
  std::byte* weights = nullptr;
  std::byte* residual = nullptr;
  std::byte* momentum = nullptr;
  std::byte* variance = nullptr;
  const std::byte* gradient = nullptr;
  elements count;
};

/// What an update or a gradient pass may find; flags are or-ed together.
enum finding : std::uint32_t {
  found_nothing = 0,
  found_non_finite_gradient = 1,
  found_weight_overflow = 2,
};

class update_backend {
 public:
  virtual ~update_backend() = default;

  /// The instruction set or device in use, for reports: "avx512", "baseline", "sm_90".
  virtual std::string_view name() const = 0;

  /// One AdamW step in place. The CPU's runs in the calling thread; a device's is enqueued on
  /// `stream` and `findings` is valid once the stream has passed it.
  ///
  /// Memory:  no more than `view` is read or written
  /// Threads: any, on disjoint views
  virtual void update(encoding stored, const adamw_scalars& scalars, const state_view& view,
                      std::uint32_t& findings, stream_ref stream) = 0;

  /// Rounds an fp32 gradient to the compute type and takes its block sums of squares.
  ///
  /// Shapes:  source[n] f32; target[n] of `type`, may be the same memory; sums[ceil(n / 4096)] f64
  /// Why:     the sum is of the rounded values, widened to double, in the order README fixes:
  ///          inside a block element i goes to lane i mod 16, lanes are folded pairwise
  virtual void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                               std::span<double> sums, std::uint32_t& findings,
                               stream_ref stream) = 0;

  /// into[i] += from[i].
  virtual void accumulate(std::span<float> into, std::span<const float> from,
                          stream_ref stream) = 0;

  /// Splits fp32 master values into weights and residual; moments are set to zero where `view` has
  /// them. Errors:  found_weight_overflow in `findings`
  virtual void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                             std::uint32_t& findings) = 0;

  /// Joins weights and residual to the fp32 master values they stand for.
  virtual void decode_master(encoding stored, const state_view& view,
                             std::span<float> master) const = 0;
};

}  // namespace ballast
