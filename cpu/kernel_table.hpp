// What one instruction set offers: the hot loops as plain functions on plain arguments.
//
// This header is included by translation units that are compiled for one instruction set, so it may
// include nothing with a function body (cpu/README.md, Instruction sets).
#pragma once

#include <cstddef>

namespace ballast::cpu {

/// adamw_scalars, field by field.
struct adamw_factors {
  double beta1;
  double momentum_gain;
  double beta2;
  double variance_gain;
  float step_size;
  float epsilon;
  float decay_rate;
};

/// state_view, with a plain count.
struct state_arrays {
  std::byte* weights;
  std::byte* residual;
  std::byte* momentum;
  std::byte* variance;
  const std::byte* gradient;
  std::size_t count;
};

/// Why:     one table an instruction set; update_backend picks one when it is made
/// Shapes:  arrays hold `count` elements at any alignment; a block is 4096 elements
/// Threads: any, on disjoint memory, in default_floating_point
struct kernel_table {
  void (*adamw_fp32)(const adamw_factors& factors, const state_arrays& state);
  /// True when a finite weight has no finite bf16 value.
  bool (*adamw_exact)(const adamw_factors& factors, const state_arrays& state);

  /// Canonical (or rounded) gradient into `target`, which may be `source`, and one sum of squares a
  /// block. True when a value is not finite.
  bool (*encode_f32)(const float* source, std::byte* target, double* sums, std::size_t count);
  bool (*encode_bf16)(const float* source, std::byte* target, double* sums, std::size_t count);
  void (*accumulate)(float* into, const float* from, std::size_t count);

  void (*canonicalize)(const float* master, std::byte* weights, std::size_t count);
  /// True when a finite value has no finite bf16 value.
  bool (*split)(const float* master, std::byte* weights, std::byte* residual, std::size_t count);
  void (*join)(const std::byte* weights, const std::byte* residual, float* master,
               std::size_t count);
};

extern const kernel_table baseline_kernels;  ///< SSE2: every x86-64
extern const kernel_table avx512_kernels;    ///< F, BW, DQ, VL

}  // namespace ballast::cpu
