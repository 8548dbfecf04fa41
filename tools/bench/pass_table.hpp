// The passes of a step that is not fused, each as fast as plain loops go: one instruction set's.
//
// Included by translation units that are compiled for one instruction set, so it includes nothing
// with a function body (cpu/README.md, Instruction sets).
#pragma once

#include <cstddef>

namespace ballast::tools {

/// Shapes:  arrays of `count` elements that begin at a multiple of 64 bytes; bf16 as std::byte
struct pass_table {
  /// Sums of squares, one a block of 4096, in the order of the reference. A sum is finite when all
  /// of its elements are.
  void (*block_sums)(const std::byte* gradient, double* sums, std::size_t count);
  /// bf16 to fp32, with streaming stores.
  void (*widen)(const std::byte* from, float* to, std::size_t count);
  void (*scale)(float* values, float factor, std::size_t count);
  /// fp32 to bf16, to nearest, ties away from zero, with streaming stores; for finite values.
  void (*round)(const float* from, std::byte* to, std::size_t count);
};

extern const pass_table sse2_passes;
extern const pass_table avx512_passes;

}  // namespace ballast::tools
