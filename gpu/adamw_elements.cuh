// One element's arithmetic of the update, on a GPU and on the host: the same operations in the same
// order as the scalar reference (cpu/adamw_reference.cpp), which tests compare it with on both
// sides.
//
// Needs the flags of ballast_options: no fma, no flush to zero, correctly rounded division and
// root.
#pragma once

#include <cuda_runtime_api.h>

#include <ballast/update.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace ballast::gpu {

/// The halves of an fp32 master: x = (weight << 16) + residual.
struct split_master {
  std::uint16_t weight;
  std::int16_t residual;
};

struct adamw_element {
  float weight;
  float momentum;
  float variance;
};

__host__ __device__ inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

__host__ __device__ inline float float_of(std::uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

__host__ __device__ inline bool is_nan(float value) {
  return (bits_of(value) & 0x7FFFFFFFu) > 0x7F800000u;
}

__host__ __device__ inline bool is_finite(float value) {
  return (bits_of(value) & 0x7F800000u) != 0x7F800000u;
}

/// Every NaN result is stored as one pattern, whatever made it.
__host__ __device__ inline float canonical(float value) {
  return is_nan(value) ? float_of(0x7FC00000u) : value;
}

/// Rounds to nearest, ties away from zero; `master` is canonical, or no NaN.
__host__ __device__ inline split_master split(float master) {
  const std::uint32_t bits = bits_of(master);
  return {static_cast<std::uint16_t>((bits + 0x8000u) >> 16),
          static_cast<std::int16_t>(static_cast<std::uint16_t>(bits))};
}

__host__ __device__ inline float join(split_master halves) {
  const std::uint32_t high = static_cast<std::uint32_t>(halves.weight) << 16;
  return float_of(high + static_cast<std::uint32_t>(static_cast<std::int32_t>(halves.residual)));
}

/// True when a finite `master` has an infinite weight.
__host__ __device__ inline bool overflows_weight(float master) {
  const std::uint32_t magnitude = bits_of(master) & 0x7FFFFFFFu;
  return magnitude > 0x7F7F7FFFu && magnitude < 0x7F800000u;
}

__host__ __device__ inline float widen_bf16(std::uint16_t value) {
  return float_of(static_cast<std::uint32_t>(value) << 16);
}

/// One AdamW step of one element; why this order: cpu/adamw_reference.cpp.
__host__ __device__ inline adamw_element adamw(const adamw_scalars& scalars, adamw_element before,
                                               float gradient) {
  const double g = gradient;
  const double wide_m = scalars.beta1 * double{before.momentum} + scalars.momentum_gain * g;
  const double wide_v = scalars.beta2 * double{before.variance} + scalars.variance_gain * (g * g);
  const auto m = static_cast<float>(wide_m);
  const auto v = static_cast<float>(wide_v);
  const float adam = scalars.step_size * (m / (sqrtf(v) + scalars.epsilon));
  const float change = adam + scalars.decay_rate * before.weight;
  return {canonical(before.weight - change), canonical(m), canonical(v)};
}

}  // namespace ballast::gpu
