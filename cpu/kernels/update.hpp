// The update's hot loop, written once: any rule (an optimizer) on any encoding of masters and
// moments, on `Lanes`, which are a few vectors of one instruction set and the conversions that
// xsimd lacks (lanes_sse2.hpp shows them).
//
// Included by the instantiation files only. `Lanes` lives in their anonymous namespace, which makes
// every instantiation local to its object file.
//
// The loop runs over groups of 128 elements; a rest goes through it in padded local arrays.
#pragma once

#include <ballast/arithmetic/rounding_noise.hpp>
#include <cpu/kernels/masters.hpp>
#include <cpu/kernels/moments.hpp>
#include <cpu/kernels/rules.hpp>

namespace ballast::cpu {

using arithmetic::group_elements;

/// Elements after which whole cache lines of every array have been used.
inline constexpr std::size_t line_elements = 64;

/// How far ahead a loop asks for its arrays. Zen 5, one thread: exact 0.476 ns an element without,
/// 0.386 with 2560 B (0.454 at 1536, 0.416 at 2048); fp32 0.439 without, 0.406 with 2560 B (0.46 at
/// 4096). The hardware's own prefetchers lag behind five streams and this much arithmetic.
inline constexpr std::size_t prefetch_bytes = 2560;

/// Asks for what an array of `Width` bytes an element needs for 64 of them, read `at` now.
template <class Lanes, std::size_t Width>
[[gnu::always_inline]] inline void prefetch(const std::byte* array, std::size_t at) {
#pragma GCC unroll 4
  for (std::size_t line = 0; line < Width; ++line) {
    __builtin_prefetch(array + Width * at + prefetch_bytes + 64 * line);
  }
}

/// Before noise every NaN has to be of 16 bits, as those of bf16 and f16 are.
template <class Lanes, bool BeforeNoise>
[[gnu::always_inline]] inline void load_gradient(const state_arrays& state, std::size_t i,
                                                 typename Lanes::real (&g)[2]) {
  using real = typename Lanes::real;
  switch (state.type) {
    case gradient_type::f32: {
      const auto* values = reinterpret_cast<const float*>(state.gradient) + i;
      g[0] = real::load_unaligned(values);
      g[1] = real::load_unaligned(values + Lanes::width);
      if constexpr (BeforeNoise) {
        g[0] = Lanes::canonical(g[0]);
        g[1] = Lanes::canonical(g[1]);
      }
      return;
    }
    case gradient_type::bf16:
      Lanes::widen_bf16(Lanes::load_halves(state.gradient + 2 * i), g);
      return;
    case gradient_type::f16:
      Lanes::widen_f16(Lanes::load_halves(state.gradient + 2 * i), g);
      return;
  }
}

/// Steps one group's moments and takes what came of them.
template <class Lanes, class Rule, class Masters, class Moments>
[[gnu::always_inline]] inline void step_moments(const Rule& rule, const state_arrays& state,
                                                std::size_t group, const Masters& masters,
                                                Moments& moments, noise_sequence<Lanes> noise,
                                                stepped_group& after) {
  using real = typename Lanes::real;
#pragma GCC unroll 1
  for (std::size_t line = group; line < group + group_elements; line += line_elements) {
    prefetch<Lanes, Moments::widths.element>(state.momentum, line);
    prefetch<Lanes, Rule::has_variance ? Moments::widths.element : 0>(state.variance, line);
    if (state.type == gradient_type::f32) {
      prefetch<Lanes, 4>(state.gradient, line);
    } else {
      prefetch<Lanes, 2>(state.gradient, line);
    }
#pragma GCC unroll 2
    for (std::size_t i = line; i < line + line_elements; i += 2 * Lanes::width) {
      real g[2];
      real p[2];
      real m[2];
      typename Rule::number v[2];
      typename Lanes::words drawn[2];
      load_gradient<Lanes, Moments::takes_noise>(state, i, g);
      if constexpr (Rule::decays_gradient) masters.load(i, p);
      moments.load(i, m, v);
      if constexpr (Moments::takes_noise) noise.next(drawn);
      const stepped<Lanes> first = rule.moments(p[0], m[0], v[0], g[0]);
      const stepped<Lanes> second = rule.moments(p[1], m[1], v[1], g[1]);
      moments.take(i, first, second, drawn);
      after.keep(i - group, first);
      after.keep(i - group + Lanes::width, second);
    }
  }
}

/// Moves one group's weights by what its moments have become.
template <class Lanes, class Rule, class Masters>
[[gnu::always_inline]] inline void move_weights(const Rule& rule, const state_arrays& state,
                                                std::size_t group, Masters& masters,
                                                [[maybe_unused]] noise_sequence<Lanes> noise,
                                                const stepped_group& after) {
  using real = typename Lanes::real;
#pragma GCC unroll 1
  for (std::size_t line = group; line < group + group_elements; line += line_elements) {
    prefetch<Lanes, Masters::widths.weights>(state.weights, line);
    prefetch<Lanes, Masters::widths.residual>(state.residual, line);
#pragma GCC unroll 2
    for (std::size_t i = line; i < line + line_elements; i += 2 * Lanes::width) {
      real p[2];
      typename Lanes::words drawn[2];
      masters.load(i, p);
      if constexpr (Masters::takes_noise) noise.next(drawn);
      const real first = after.weight<Lanes>(rule, i - group, p[0]);
      const real second = after.weight<Lanes>(rule, i - group + Lanes::width, p[1]);
      masters.store(i, first, second, drawn);
    }
  }
}

/// A group's moments first, then its weights: as one loop, a root and the quotient behind it, 30
/// cycles, kept the scheduler full of what waits for them (Zen 4, in cache: exact 0.56 ns an element
/// as one loop, 0.48 as two; with AVX2 0.76 and 0.59).
///
/// Shapes: count is a multiple of 128
template <class Lanes, class Rule, class Masters, class Moments>
bool update_groups(const Rule& given_rule, const state_arrays& given) {
  const state_arrays state = given;  // copies that no store can alias
  const Rule rule = given_rule;
  stepped_group after;
  Masters masters(state);
  for (std::size_t group = 0; group < state.count; group += group_elements) {
    const noise_sequence<Lanes> noise(
        Moments::takes_noise ? arithmetic::group_key(state.noise_key, state.first + group) : 0);
    Moments moments(state, group);
    step_moments(rule, state, group, masters, moments, noise, after);
    move_weights(rule, state, group, masters, noise, after);
    moments.finish(noise, after);
    // A moment that is NaN makes its weight one. Looked for in every vector, this took an eighth.
    if (masters.odd()) [[unlikely]] {
      moments.make_canonical();
      masters.look_closer(group);
    }
  }
  return masters.overflowed();
}

/// The last elements of a run, fewer than 128, in arrays of their own, zero behind them; an element
/// of zeros stays finite or becomes NaN, which no kernel reports as an overflow.
struct padded_group {
  static constexpr std::size_t widest = 4;
  alignas(64) std::byte weights[widest * group_elements];
  alignas(64) std::byte residual[widest * group_elements];
  alignas(64) std::byte momentum[widest * group_elements];
  alignas(64) std::byte variance[widest * group_elements];
  alignas(64) std::byte gradient[widest * group_elements];
  std::byte momentum_scale[4];
  std::byte variance_scale[4];
};

/// Runs `groups` over the whole groups of `state`, then over the padded rest.
template <class Lanes, class Rule, class Masters, class Moments>
bool update_run(const Rule& rule, const state_arrays& state) {
  constexpr auto groups = update_groups<Lanes, Rule, Masters, Moments>;
  const std::size_t rest = state.count % group_elements;
  const std::size_t whole = state.count - rest;
  state_arrays arrays = state;
  arrays.count = whole;
  bool found = groups(rule, arrays);
  if (rest == 0) return found;

  padded_group padded = {};
  arrays = {padded.weights,      padded.residual,       padded.momentum,
            padded.variance,     padded.momentum_scale, padded.variance_scale,
            padded.gradient,     group_elements,        state.type,
            state.first + whole, state.noise_key};
  const auto each = [&](auto copy) {
    constexpr std::size_t moment = Moments::widths.element;
    copy(state.weights, padded.weights, Masters::widths.weights, whole, rest);
    copy(state.residual, padded.residual, Masters::widths.residual, whole, rest);
    copy(state.momentum, padded.momentum, moment, whole, rest);
    copy(state.momentum_scale, padded.momentum_scale, Moments::widths.scale, whole / group_elements,
         std::size_t{1});
    if constexpr (Rule::has_variance) {
      copy(state.variance, padded.variance, moment, whole, rest);
      copy(state.variance_scale, padded.variance_scale, Moments::widths.scale,
           whole / group_elements, std::size_t{1});
    }
  };
  __builtin_memcpy(padded.gradient,
                   state.gradient + whole * (state.type == gradient_type::f32 ? 4 : 2),
                   rest * (state.type == gradient_type::f32 ? 4 : 2));
  each([](std::byte* run, std::byte* local, std::size_t width, std::size_t first, std::size_t n) {
    if (width != 0) __builtin_memcpy(local, run + first * width, n * width);
  });
  found |= groups(rule, arrays);
  each([](std::byte* run, std::byte* local, std::size_t width, std::size_t first, std::size_t n) {
    if (width != 0) __builtin_memcpy(run + first * width, local, n * width);
  });
  return found;
}

// One function a cell of the table.

template <class Lanes, template <class, template <class> class> class Rule, class Scalars>
bool update_fp32(const Scalars& scalars, const state_arrays& state) {
  using rule = Rule<Lanes, in_double>;
  return update_run<Lanes, rule, fp32_master<Lanes>, f32_moments<Lanes, rule>>(rule(scalars),
                                                                               state);
}
template <class Lanes, template <class, template <class> class> class Rule, class Scalars>
bool update_exact(const Scalars& scalars, const state_arrays& state) {
  using rule = Rule<Lanes, in_double>;
  return update_run<Lanes, rule, split_masters<Lanes, low_half>, f32_moments<Lanes, rule>>(
      rule(scalars), state);
}
template <class Lanes, template <class, template <class> class> class Rule, class Scalars>
bool update_fp16(const Scalars& scalars, const state_arrays& state) {
  using rule = Rule<Lanes, in_double>;
  return update_run<Lanes, rule, fp16_master<Lanes>, f32_moments<Lanes, rule>>(rule(scalars),
                                                                               state);
}
template <class Lanes, template <class, template <class> class> class Rule, class Scalars>
bool update_bf16(const Scalars& scalars, const state_arrays& state) {
  using rule = Rule<Lanes, in_float>;
  return update_run<Lanes, rule, split_masters<Lanes, low_half>, bf16_moments<Lanes, rule>>(
      rule(scalars), state);
}
template <class Lanes, template <class, template <class> class> class Rule, class Scalars>
bool update_int8(const Scalars& scalars, const state_arrays& state) {
  using rule = Rule<Lanes, in_float>;
  return update_run<Lanes, rule, split_masters<Lanes, high_byte>, int8_moments<Lanes, rule>>(
      rule(scalars), state);
}

}  // namespace ballast::cpu
