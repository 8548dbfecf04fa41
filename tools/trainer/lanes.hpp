// The vector that the kernels compute on, and how it meets memory: 16 lanes of fp32, loaded from
// and stored to fp32, bf16 or f16. Included by kernels_body.hpp only; nothing has external linkage.
//
// The vector is GCC's generic type: one zmm, two ymm or four xmm. Lane structure and operations are
// thereby the same on every instruction set.
#pragma once

#include "tools/trainer/kernels.hpp"

namespace ballast::tools {
namespace {

#define BALLAST_INLINE __attribute__((always_inline)) inline

constexpr std::size_t lanes = 16;
using floats = float __attribute__((vector_size(64)));
using ints = std::int32_t __attribute__((vector_size(64)));
using words = std::uint32_t __attribute__((vector_size(64)));
using halves = std::uint16_t __attribute__((vector_size(32)));

/// How many lanes of a vector exist in memory: all of them, or the tail's.
struct whole {
  static constexpr std::size_t count = lanes;
};
struct part {
  std::size_t count;
};

template <class Count>
BALLAST_INLINE floats load(const float* from, Count of) {
  floats value = {};
  __builtin_memcpy(&value, from, of.count * sizeof(float));
  return value;
}

template <class Count>
BALLAST_INLINE floats load(const bfloat16* from, Count of) {
  halves value = {};
  __builtin_memcpy(&value, from, of.count * sizeof(bfloat16));
  return (floats)(__builtin_convertvector(value, words) << 16);
}

template <class Count>
BALLAST_INLINE floats load(const float16* from, Count of) {
  halves value = {};
  __builtin_memcpy(&value, from, of.count * sizeof(float16));
  const ints bits = __builtin_convertvector(value, ints);
  const ints rest = bits & 0x7FFF;
  // Subnormals count units of 2^-24; exponent 31 stands for infinity and NaN.
  const ints small = (ints)(__builtin_convertvector(rest, floats) * 0x1p-24f);
  const ints moved = (rest << 13) + (112 << 23);
  const ints magnitude = rest < 0x0400 ? small : rest >= 0x7C00 ? moved | 0x7F800000 : moved;
  return (floats)(magnitude | (bits & 0x8000) << 16);
}

template <class Count>
BALLAST_INLINE void store(float* to, floats value, Count of) {
  __builtin_memcpy(to, &value, of.count * sizeof(float));
}

/// Rounds to nearest even; every NaN becomes 0x7FC0.
template <class Count>
BALLAST_INLINE void store(bfloat16* to, floats value, Count of) {
  const words bits = (words)value;
  const words even = bits + 0x7FFF + ((bits >> 16) & 1);
  const words kept = value == value ? even : (words)(ints{} + 0x7FC00000);
  const halves rounded = __builtin_convertvector(kept >> 16, halves);
  __builtin_memcpy(to, &rounded, of.count * sizeof(bfloat16));
}

/// Rounds to nearest even; what is beyond the largest becomes infinite, every NaN 0x7E00.
template <class Count>
BALLAST_INLINE void store(float16* to, floats value, Count of) {
  const ints bits = (ints)value;
  const ints rest = bits & 0x7FFFFFFF;
  // The sum's last place is 2^-24: it rounds to f16's subnormals.
  const ints small = (ints)((floats)rest + 0.5f) - 0x3F000000;
  const ints even = (rest + 0x0FFF + ((rest >> 13) & 1) - (112 << 23)) >> 13;
  const ints finite = rest < 0x38800000 ? small : even > 0x7C00 ? ints{} + 0x7C00 : even;
  const ints signed_value = finite | ((bits >> 16) & 0x8000);
  const ints kept = rest > 0x7F800000 ? ints{} + 0x7E00 : signed_value;
  const halves rounded = __builtin_convertvector(kept, halves);
  __builtin_memcpy(to, &rounded, of.count * sizeof(float16));
}

/// What a value is once it has been stored as T.
BALLAST_INLINE floats stored(floats value, const float*) { return value; }
template <class Narrow>
BALLAST_INLINE floats stored(floats value, const Narrow*) {
  Narrow memory[lanes];
  store(memory, value, whole{});
  return load(memory, whole{});
}

}  // namespace
}  // namespace ballast::tools
