// Four neighbouring elements a thread, one group of 128 a warp, eight groups a thread block: how
// every elementwise kernel of the room divides its run, and how it reads and writes it.
//
// Where every array begins at 16 B, a pack is one access of 4 to 16 B; elsewhere, and in the last
// pack of a run, its elements are read one by one, byte by byte where they are not aligned at all.
#pragma once

#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/update.hpp>
#include <cstdint>
#include <initializer_list>

namespace ballast::gpu {

inline constexpr unsigned pack_elements = 4;
inline constexpr unsigned warp_threads = 32;
inline constexpr unsigned block_threads = 256;
inline constexpr std::uint64_t launch_elements = std::uint64_t{block_threads} * pack_elements;
inline constexpr std::uintptr_t pack_alignment = 16;

static_assert(warp_threads * pack_elements == arithmetic::group_elements, "a warp is a group");

template <class Value>
struct alignas(sizeof(Value) * pack_elements) pack {
  Value at[pack_elements];
};

/// The elements of one thread.
struct pack_place {
  std::uint64_t first;  ///< index in the run
  unsigned count;       ///< how many of the four exist
  bool whole;           ///< all do, and every array is aligned
};

/// True when all arrays can be accessed in packs.
inline bool aligned_for_packs(std::initializer_list<const void*> arrays) {
  for (const void* array : arrays) {
    if (reinterpret_cast<std::uintptr_t>(array) % pack_alignment != 0) {
      return false;
    }
  }
  return true;
}

inline unsigned blocks_for(std::uint64_t elements) {
  return static_cast<unsigned>((elements + launch_elements - 1) / launch_elements);
}

__device__ inline pack_place place_of_thread(std::uint64_t n, bool aligned) {
  const std::uint64_t first =
      blockIdx.x * launch_elements + std::uint64_t{threadIdx.x} * pack_elements;
  const std::uint64_t left = first < n ? n - first : 0;
  const unsigned count = left < pack_elements ? static_cast<unsigned>(left) : pack_elements;
  return {first, count, aligned && count == pack_elements};
}

/// Elements that do not exist are zeros.
template <class Value>
__device__ pack<Value> load(const std::byte* array, const pack_place& here) {
  const std::byte* begin = array + here.first * sizeof(Value);
  if (here.whole) {
    return *reinterpret_cast<const pack<Value>*>(begin);
  }
  pack<Value> values{};
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    if (k < here.count) {
      memcpy(&values.at[k], begin + k * sizeof(Value), sizeof(Value));
    }
  }
  return values;
}

template <class Value>
__device__ void store(std::byte* array, const pack_place& here, const pack<Value>& values) {
  std::byte* begin = array + here.first * sizeof(Value);
  if (here.whole) {
    *reinterpret_cast<pack<Value>*>(begin) = values;
    return;
  }
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    if (k < here.count) {
      memcpy(begin + k * sizeof(Value), &values.at[k], sizeof(Value));
    }
  }
}

/// How a gradient of each type is stored and read.
struct f32_gradient {
  using stored = float;
  static __device__ float widen(float value) { return value; }
};

struct bf16_gradient {
  using stored = std::uint16_t;
  static __device__ float widen(std::uint16_t value) { return arithmetic::widen_bf16(value); }
};

struct f16_gradient {
  using stored = std::uint16_t;
  static __device__ float widen(std::uint16_t value) { return arithmetic::widen_f16(value); }
};

/// Calls `use` with the one of the three that `type` names.
template <class Use>
void with_gradient(dtype type, const Use& use) {
  switch (type) {
    case dtype::f32: return use(f32_gradient{});
    case dtype::bf16: return use(bf16_gradient{});
    case dtype::f16: return use(f16_gradient{});
  }
}

/// Results are or-ed into pinned host memory, which costs a trip over the bus: only when found.
__device__ inline void report(std::uint32_t* findings, finding found) {
  atomicOr_system(findings, static_cast<std::uint32_t>(found));
}

}  // namespace ballast::gpu
