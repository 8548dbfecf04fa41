// What one instruction set offers: the hot loops as plain functions on plain arguments.
//
// This header is included by translation units that are compiled for one instruction set, so it may
// include nothing with a function body (cpu/README.md, Instruction sets).
#pragma once

#include <ballast/optimizer_scalars.hpp>
#include <cstddef>
#include <cstdint>

namespace ballast::cpu {

/// The types a gradient comes in, in the order of dtype.
enum class gradient_type : unsigned char { f32, bf16, f16 };

/// state_view and what of update_recipe concerns every element, with plain counts.
struct state_arrays {
  std::byte* weights;
  std::byte* residual;
  std::byte* momentum;
  std::byte* variance;
  std::byte* momentum_scale;
  std::byte* variance_scale;
  const std::byte* gradient;
  std::size_t count;
  gradient_type type;
  std::uint64_t first;  ///< flat index of the first element
  std::uint64_t noise_key;
};

/// Why:     one table an instruction set; update_backend picks one when it is made
/// Shapes:  arrays hold `count` elements at any alignment; a block is 4096 elements
/// Threads: any, on disjoint memory, in default_floating_point
struct kernel_table {
  static constexpr std::size_t encodings = 5;
  template <class Scalars>
  using update = bool(const Scalars& scalars, const state_arrays& state);

  /// By encoding. True when a finite master has no finite weight.
  update<adamw_scalars>* adamw[encodings];
  update<adam_scalars>* adam[encodings];
  update<sgd_scalars>* sgd[encodings];

  /// By gradient type. Rounded, canonical gradient into `target`, which may be `source`, and one
  /// sum of squares a block. True when a value is not finite.
  bool (*encode[3])(const float* source, std::byte* target, double* sums, std::size_t count);
  void (*accumulate)(float* into, const float* from, std::size_t count);

  void (*canonicalize)(const float* master, std::byte* weights, std::size_t count);
  /// True when a finite value has no finite bf16 value.
  bool (*split)(const float* master, std::byte* weights, std::byte* residual, std::size_t count);
  void (*join)(const std::byte* weights, const std::byte* residual, float* master,
               std::size_t count);
};

extern const kernel_table sse2_kernels;    ///< every x86-64
extern const kernel_table avx2_kernels;    ///< AVX2, F16C and FMA
extern const kernel_table avx512_kernels;  ///< F, BW, DQ, VL

}  // namespace ballast::cpu
