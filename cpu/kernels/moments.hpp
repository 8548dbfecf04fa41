// The moments of one group of 128 elements, two vectors at a time, as every encoding stores them:
// load, take() what a step made of them, and finish() the group. A NaN is stored as the one.
#pragma once

#include <cpu/kernels/noise_sequence.hpp>
#include <cpu/kernels/rules.hpp>
#include <cpu/kernels/table.hpp>

namespace ballast::cpu {

/// Bytes of an element in a moment, and of a group's scale.
struct moment_bytes {
  std::size_t element, scale;
};

template <class Lanes, class Rule>
struct f32_moments {
  using precision = typename Rule::precision;
  using number = typename Rule::number;
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr moment_bytes widths = {4, 0};
  static constexpr bool takes_noise = false;

  f32_moments(const state_arrays& state, std::size_t first)
      : momentum(reinterpret_cast<float*>(state.momentum)),
        variance(reinterpret_cast<float*>(state.variance)),
        begin(first) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&m)[2], number (&v)[2]) const {
    m[0] = real::load_unaligned(momentum + i);
    m[1] = real::load_unaligned(momentum + i + Lanes::width);
    if constexpr (Rule::has_variance) {
      v[0] = precision::load(variance + i);
      v[1] = precision::load(variance + i + Lanes::width);
    }
  }
  [[gnu::always_inline]] void take(std::size_t i, const stepped<Lanes>& first,
                                   const stepped<Lanes>& second, const words (&)[2]) {
    first.momentum.store_unaligned(momentum + i);
    second.momentum.store_unaligned(momentum + i + Lanes::width);
    if constexpr (Rule::has_variance) {
      first.variance.store_unaligned(variance + i);
      second.variance.store_unaligned(variance + i + Lanes::width);
    }
  }
  [[gnu::always_inline]] void finish(const noise_sequence<Lanes>&, const stepped_group&) const {}
  /// The one NaN for every NaN of the group.
  [[gnu::always_inline]] void make_canonical() const {
    for (std::size_t i = begin; i < begin + arithmetic::group_elements; i += Lanes::width) {
      Lanes::canonical(real::load_unaligned(momentum + i)).store_unaligned(momentum + i);
      if constexpr (Rule::has_variance) {
        Lanes::canonical(real::load_unaligned(variance + i)).store_unaligned(variance + i);
      }
    }
  }

  float* momentum;
  float* variance;
  std::size_t begin;
};

/// Rounded up or down by 16 bits of noise each. A NaN stays one: it is of 16 bits, as all that it may
/// come from, and noise does not reach them.
template <class Lanes, class Rule>
struct bf16_moments {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr moment_bytes widths = {2, 0};
  static constexpr bool takes_noise = true;

  bf16_moments(const state_arrays& state, std::size_t first)
      : momentum(state.momentum), variance(state.variance), begin(first) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&m)[2], real (&v)[2]) const {
    Lanes::widen_bf16(Lanes::load_halves(momentum + 2 * i), m);
    if constexpr (Rule::has_variance) {
      Lanes::widen_bf16(Lanes::load_halves(variance + 2 * i), v);
    }
  }
  [[gnu::always_inline]] void take(std::size_t i, const stepped<Lanes>& first,
                                   const stepped<Lanes>& second, const words (&noise)[2]) {
    store(momentum, i, first.momentum, noise[0] & 0xFFFFu, second.momentum, noise[1] & 0xFFFFu);
    if constexpr (Rule::has_variance) {
      store(variance, i, first.variance, noise[0] >> 16, second.variance, noise[1] >> 16);
    }
  }
  [[gnu::always_inline]] void finish(const noise_sequence<Lanes>&, const stepped_group&) const {}
  [[gnu::always_inline]] void make_canonical() const {
    for (std::size_t i = begin; i < begin + arithmetic::group_elements; i += 2 * Lanes::width) {
      make_canonical(momentum + 2 * i);
      if constexpr (Rule::has_variance) make_canonical(variance + 2 * i);
    }
  }
  [[gnu::always_inline]] static void make_canonical(std::byte* at) {
    real values[2];
    Lanes::widen_bf16(Lanes::load_halves(at), values);
    Lanes::store_halves(at, Lanes::high_halves(Lanes::bits(Lanes::canonical(values[0])),
                                               Lanes::bits(Lanes::canonical(values[1]))));
  }
  [[gnu::always_inline]] static void store(std::byte* array, std::size_t i, real first, words a,
                                           real second, words b) {
    Lanes::store_halves(array + 2 * i,
                        Lanes::high_halves(Lanes::bits(first) + a, Lanes::bits(second) + b));
  }

  std::byte* momentum;
  std::byte* variance;
  std::size_t begin;
};

/// Codes of 8 bits under a scale a group: what the steps made waits until the largest is known.
///
/// NaN needs no care on the way: a group with one has a NaN scale, whose products are that NaN.
template <class Lanes, class Rule>
struct int8_moments {
  using real = typename Lanes::real;
  using words = typename Lanes::words;
  static constexpr moment_bytes widths = {1, 4};
  static constexpr bool takes_noise = true;
  static constexpr std::size_t group = 128;

  struct factors {
    float scale, inverse;
  };

  int8_moments(const state_arrays& state, std::size_t first)
      : momentum(state.momentum + first),
        variance(Rule::has_variance ? state.variance + first : nullptr),
        begin(first),
        momentum_scale(state.momentum_scale + sizeof(float) * (first / group)),
        variance_scale(Rule::has_variance ? state.variance_scale + sizeof(float) * (first / group)
                                          : nullptr),
        m_scale(load_scale(momentum_scale)),
        v_scale(Rule::has_variance ? load_scale(variance_scale) : 0.0f) {}

  [[gnu::always_inline]] void load(std::size_t i, real (&m)[2], real (&v)[2]) const {
    words codes[2];
    Lanes::load_signed_bytes(momentum + (i - begin), codes);
    m[0] = Lanes::to_real(codes[0]) * m_scale;
    m[1] = Lanes::to_real(codes[1]) * m_scale;
    if constexpr (Rule::has_variance) {
      Lanes::load_bytes(variance + (i - begin), codes);
      const real first = Lanes::to_real(codes[0]) * v_scale;
      const real second = Lanes::to_real(codes[1]) * v_scale;
      v[0] = first * first;
      v[1] = second * second;
    }
  }
  [[gnu::always_inline]] void take(std::size_t, const stepped<Lanes>& first,
                                   const stepped<Lanes>& second, const words (&)[2]) {
    note_largest(first);
    note_largest(second);
  }
  [[gnu::always_inline]] void note_largest(const stepped<Lanes>& after) {
    largest_momentum = Lanes::larger(largest_momentum, Lanes::bits(after.momentum) & 0x7FFFFFFFu);
    if constexpr (Rule::has_variance) {
      largest_root = Lanes::larger(largest_root, Lanes::bits(after.root_or_gradient));
    }
  }
  /// The group's scales, from its largest values, and its codes. (Written while the next group was
  /// under way, which hides the latency of both, they came out 3 % faster: not worth a second
  /// buffer.)
  [[gnu::always_inline]] void finish(noise_sequence<Lanes> noise, const stepped_group& made) const {
    const factors by_momentum = factors_of(Lanes::largest(largest_momentum), 127.0f);
    __builtin_memcpy(momentum_scale, &by_momentum.scale, sizeof(float));
    factors by_root{};
    if constexpr (Rule::has_variance) {
      by_root = factors_of(Lanes::largest(largest_root), 255.0f);
      __builtin_memcpy(variance_scale, &by_root.scale, sizeof(float));
    }
    if (by_momentum.inverse == 0) __builtin_memset(momentum, 0, group);
    if (Rule::has_variance && by_root.inverse == 0) __builtin_memset(variance, 0, group);
    const real m_inverse(by_momentum.inverse);
    const real r_inverse(by_root.inverse);
#pragma GCC unroll 4
    for (std::size_t at = 0; at < group; at += 2 * Lanes::width) {
      words drawn[2];
      noise.next(drawn);
      const words first = drawn[0] >> 9;
      const words second = drawn[1] >> 9;
      if (by_momentum.inverse != 0) {
        Lanes::store_codes(momentum + at, level(made.momenta + at, m_inverse, first),
                           level(made.momenta + at + Lanes::width, m_inverse, second), 0);
      }
      if (Rule::has_variance && by_root.inverse != 0) {
        Lanes::store_codes(variance + at, level(made.roots_or_gradients + at, r_inverse, first),
                           level(made.roots_or_gradients + at + Lanes::width, r_inverse, second),
                           1);
      }
    }
  }

  [[gnu::always_inline]] void make_canonical() const {}

 private:
  /// arithmetic::scale_of
  [[gnu::always_inline]] static factors factors_of(std::uint32_t largest, float codes) {
    float value;
    __builtin_memcpy(&value, &largest, sizeof value);
    if (largest >= 0x7F800000u) return {__builtin_nanf(""), 0};
    if (value < 0x1p-90f) return {0, 0};
    return {value / codes, codes * 0x1.fffffp22f / value};
  }
  [[gnu::always_inline]] static float load_scale(const std::byte* from) {
    float value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
  }
  /// Codes in units of 2^-23, rounded up or down by the noise.
  [[gnu::always_inline]] static words level(const float* values, real inverse, words noise) {
    return Lanes::truncated(real::load_aligned(values) * inverse) + noise;
  }

  std::byte* momentum;
  std::byte* variance;
  std::size_t begin;
  std::byte* momentum_scale;
  std::byte* variance_scale;
  real m_scale, v_scale;
  words largest_momentum{}, largest_root{};
};

}  // namespace ballast::cpu
