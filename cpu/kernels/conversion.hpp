// The loops around the update, on `Lanes` as update.hpp: gradients rounded and summed, masters
// split and joined. Same rules: included by the instantiation files only; steps of 32 elements, a
// rest through the same loop in padded local arrays.
#pragma once

#include <cpu/kernels/table.hpp>
#include <cstdint>

namespace ballast::cpu {

inline constexpr std::size_t step_elements = 32;
inline constexpr std::size_t sum_lanes = 16;
inline constexpr std::size_t block_steps = 128;  ///< in a block of 4096

/// Sixteen double lanes in ascending order, and their fold: reference::fold.
template <class Lanes>
struct block_sum {
  using wide = typename Lanes::wide;
  static constexpr std::size_t vectors = sum_lanes / Lanes::wide_width;
  wide lanes[vectors];

  block_sum() {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < vectors; ++i) lanes[i] = wide(0.0);
  }

  /// Adds the squares of the values that begin at lane `at`; x * x is exact.
  [[gnu::always_inline]] void add(std::size_t at, typename Lanes::real values) {
    const wide low = Lanes::widen_low(values);
    const wide high = Lanes::widen_high(values);
    const std::size_t first = at / Lanes::wide_width;
    lanes[first] = lanes[first] + low * low;
    lanes[first + 1] = lanes[first + 1] + high * high;
  }

  double fold() const {
    double folded[sum_lanes];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < vectors; ++i) {
      lanes[i].store_unaligned(folded + i * Lanes::wide_width);
    }
    for (std::size_t half = sum_lanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) folded[i] += folded[i + half];
    }
    if (folded[0] == folded[0]) return folded[0];
    return __builtin_nan("");  // 0x7FF8000000000000: one NaN for all
  }
};

/// `groups` steps of one block, rounded to `Type`.
template <class Lanes, gradient_type Type>
void encode_groups(const float* source, std::byte* target, std::size_t groups,
                   block_sum<Lanes>& sum, typename Lanes::flags& not_finite) {
  using real = typename Lanes::real;
  using halves = typename Lanes::halves;
  for (std::size_t group = 0; group < groups; ++group) {
#pragma GCC unroll 4
    for (std::size_t at = 0; at < step_elements; at += 2 * Lanes::width) {
      const std::size_t i = group * step_elements + at;
      real low = Lanes::canonical(real::load_unaligned(source + i));
      real high = Lanes::canonical(real::load_unaligned(source + i + Lanes::width));
      if constexpr (Type == gradient_type::bf16) {
        const halves rounded = Lanes::round_halves(low, high, Lanes::low_halves(low, high));
        Lanes::store_halves(target + 2 * i, rounded);
        low = Lanes::widen_bf16_low(rounded);
        high = Lanes::widen_bf16_high(rounded);
      } else if constexpr (Type == gradient_type::f16) {
        const halves rounded = Lanes::narrow_f16(low, high);
        Lanes::store_halves(target + 2 * i, rounded);
        real widened[2];
        Lanes::widen_f16(rounded, widened);
        low = widened[0];
        high = widened[1];
      } else {
        low.store_unaligned(reinterpret_cast<float*>(target) + i);
        high.store_unaligned(reinterpret_cast<float*>(target) + i + Lanes::width);
      }
      Lanes::note_not_finite(not_finite, low);
      Lanes::note_not_finite(not_finite, high);
      sum.add(at % sum_lanes, low);
      sum.add((at + Lanes::width) % sum_lanes, high);
    }
  }
}

template <class Lanes, gradient_type Type>
bool encode(const float* source, std::byte* target, double* sums, std::size_t count) {
  constexpr std::size_t target_bytes = Type == gradient_type::f32 ? 4 : 2;
  typename Lanes::flags not_finite{};
  std::size_t group = 0;
  const std::size_t groups = count / step_elements;
  const std::size_t rest = count % step_elements;
  for (std::size_t block = 0; block * block_steps * step_elements < count; ++block) {
    block_sum<Lanes> sum;
    const std::size_t left = groups - group;
    const std::size_t here = left < block_steps ? left : block_steps;
    encode_groups<Lanes, Type>(source + group * step_elements,
                               target + group * step_elements * target_bytes, here, sum,
                               not_finite);
    group += here;
    if (here < block_steps && rest != 0) {
      float padded[step_elements] = {};
      std::byte encoded[step_elements * target_bytes];
      __builtin_memcpy(padded, source + group * step_elements, rest * sizeof(float));
      encode_groups<Lanes, Type>(padded, encoded, 1, sum, not_finite);
      __builtin_memcpy(target + group * step_elements * target_bytes, encoded, rest * target_bytes);
    }
    sums[block] = sum.fold();
  }
  return Lanes::any(not_finite);
}

template <class Lanes>
void accumulate_groups(float* into, const float* from, std::size_t groups) {
  using real = typename Lanes::real;
  for (std::size_t i = 0; i < groups * step_elements; i += Lanes::width) {
    const real sum = real::load_unaligned(into + i) + real::load_unaligned(from + i);
    Lanes::canonical(sum).store_unaligned(into + i);
  }
}

template <class Lanes>
void accumulate(float* into, const float* from, std::size_t count) {
  accumulate_groups<Lanes>(into, from, count / step_elements);
  const std::size_t rest = count % step_elements;
  if (rest == 0) return;
  float padded_into[step_elements] = {};
  float padded_from[step_elements] = {};
  __builtin_memcpy(padded_into, into + (count - rest), rest * sizeof(float));
  __builtin_memcpy(padded_from, from + (count - rest), rest * sizeof(float));
  accumulate_groups<Lanes>(padded_into, padded_from, 1);
  __builtin_memcpy(into + (count - rest), padded_into, rest * sizeof(float));
}

template <class Lanes>
void canonicalize_groups(const float* master, float* weights, std::size_t groups) {
  using real = typename Lanes::real;
  for (std::size_t i = 0; i < groups * step_elements; i += Lanes::width) {
    Lanes::canonical(real::load_unaligned(master + i)).store_unaligned(weights + i);
  }
}

template <class Lanes>
void canonicalize(const float* master, std::byte* weights, std::size_t count) {
  canonicalize_groups<Lanes>(master, reinterpret_cast<float*>(weights), count / step_elements);
  const std::size_t rest = count % step_elements;
  if (rest == 0) return;
  float padded[step_elements] = {};
  __builtin_memcpy(padded, master + (count - rest), rest * sizeof(float));
  canonicalize_groups<Lanes>(padded, padded, 1);
  __builtin_memcpy(weights + (count - rest) * sizeof(float), padded, rest * sizeof(float));
}

template <class Lanes>
void split_groups(const float* master, std::byte* weights, std::byte* residual, std::size_t groups,
                  typename Lanes::flags& overflow) {
  using real = typename Lanes::real;
  using halves = typename Lanes::halves;
  for (std::size_t i = 0; i < groups * step_elements; i += 2 * Lanes::width) {
    const real low = Lanes::canonical(real::load_unaligned(master + i));
    const real high = Lanes::canonical(real::load_unaligned(master + i + Lanes::width));
    const halves rest = Lanes::low_halves(low, high);
    const halves rounded = Lanes::round_halves(low, high, rest);
    Lanes::note_weight_overflow(overflow, rounded, rest);
    Lanes::store_halves(weights + 2 * i, rounded);
    Lanes::store_halves(residual + 2 * i, rest);
  }
}

template <class Lanes>
bool split(const float* master, std::byte* weights, std::byte* residual, std::size_t count) {
  typename Lanes::flags overflow{};
  split_groups<Lanes>(master, weights, residual, count / step_elements, overflow);
  const std::size_t rest = count % step_elements;
  if (rest != 0) {
    const std::size_t whole = count - rest;
    float padded[step_elements] = {};
    std::byte high[2 * step_elements];
    std::byte low[2 * step_elements];
    __builtin_memcpy(padded, master + whole, rest * sizeof(float));
    split_groups<Lanes>(padded, high, low, 1, overflow);
    __builtin_memcpy(weights + 2 * whole, high, 2 * rest);
    __builtin_memcpy(residual + 2 * whole, low, 2 * rest);
  }
  return Lanes::any(overflow);
}

template <class Lanes>
void join_groups(const std::byte* weights, const std::byte* residual, float* master,
                 std::size_t groups) {
  for (std::size_t i = 0; i < groups * step_elements; i += 2 * Lanes::width) {
    typename Lanes::real joined[2];
    Lanes::join(Lanes::load_halves(weights + 2 * i), Lanes::load_halves(residual + 2 * i), joined);
    joined[0].store_unaligned(master + i);
    joined[1].store_unaligned(master + i + Lanes::width);
  }
}

template <class Lanes>
void join(const std::byte* weights, const std::byte* residual, float* master, std::size_t count) {
  join_groups<Lanes>(weights, residual, master, count / step_elements);
  const std::size_t rest = count % step_elements;
  if (rest == 0) return;
  const std::size_t whole = count - rest;
  std::byte high[2 * step_elements] = {};
  std::byte low[2 * step_elements] = {};
  float padded[step_elements];
  __builtin_memcpy(high, weights + 2 * whole, 2 * rest);
  __builtin_memcpy(low, residual + 2 * whole, 2 * rest);
  join_groups<Lanes>(high, low, padded, 1);
  __builtin_memcpy(master + whole, padded, rest * sizeof(float));
}

}  // namespace ballast::cpu
