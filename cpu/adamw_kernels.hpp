// The update's hot loops, written once on `Lanes`: a few vectors of one instruction set and the
// conversions that xsimd lacks (kernels_baseline.cpp shows one). The formulas are those of
// adamw_reference.cpp, operation by operation.
//
// Included by the instantiation files only. `Lanes` lives in their anonymous namespace, which makes
// every instantiation local to its object file.
//
// Loops run over groups of 32 elements; a rest goes through the same loop in padded local arrays.
#pragma once

#include <cpu/kernel_table.hpp>
#include <cstdint>

namespace ballast::cpu {

inline constexpr std::size_t group_elements = 32;

template <class Lanes>
struct adamw_vectors {
  using real = typename Lanes::real;
  using wide = typename Lanes::wide;

  explicit adamw_vectors(const adamw_factors& factors)
      : beta1(factors.beta1),
        momentum_gain(factors.momentum_gain),
        beta2(factors.beta2),
        variance_gain(factors.variance_gain),
        step_size(factors.step_size),
        epsilon(factors.epsilon),
        decay_rate(factors.decay_rate) {}

  [[gnu::always_inline]] wide next_momentum(const float* m, wide g) const {
    return beta1 * Lanes::load_wide(m) + momentum_gain * g;
  }
  [[gnu::always_inline]] wide next_variance(const float* v, wide g) const {
    return beta2 * Lanes::load_wide(v) + variance_gain * (g * g);
  }

  /// One step of a vector of momentum at m and variance at v with the halves of its gradient; gives
  /// the weights after p.
  [[gnu::always_inline]] real step(real p, float* m, float* v, wide g_low, wide g_high) const {
    constexpr std::size_t half = Lanes::wide_width;
    const real new_m = Lanes::narrow(next_momentum(m, g_low), next_momentum(m + half, g_high));
    const real new_v = Lanes::narrow(next_variance(v, g_low), next_variance(v + half, g_high));
    const real adam = step_size * (new_m / (xsimd::sqrt(new_v) + epsilon));
    const real change = adam + decay_rate * p;
    Lanes::canonical(new_m).store_unaligned(m);
    Lanes::canonical(new_v).store_unaligned(v);
    return Lanes::canonical(p - change);
  }

  wide beta1, momentum_gain, beta2, variance_gain;
  real step_size, epsilon, decay_rate;
};

/// Shapes: count is a multiple of group_elements
template <class Lanes>
void adamw_fp32_groups(const adamw_factors& factors, const state_arrays& state) {
  using real = typename Lanes::real;
  const adamw_vectors<Lanes> adamw(factors);
  auto* weights = reinterpret_cast<float*>(state.weights);
  auto* momentum = reinterpret_cast<float*>(state.momentum);
  auto* variance = reinterpret_cast<float*>(state.variance);
  const auto* gradient = reinterpret_cast<const float*>(state.gradient);
  const std::size_t count = state.count;
  for (std::size_t i = 0; i < count; i += Lanes::width) {
    const real p = real::load_unaligned(weights + i);
    adamw
        .step(p, momentum + i, variance + i, Lanes::load_wide(gradient + i),
              Lanes::load_wide(gradient + i + Lanes::wide_width))
        .store_unaligned(weights + i);
  }
}

/// Shapes: count is a multiple of group_elements
template <class Lanes>
bool adamw_exact_groups(const adamw_factors& factors, const state_arrays& state) {
  using real = typename Lanes::real;
  using halves = typename Lanes::halves;
  const adamw_vectors<Lanes> adamw(factors);
  const state_arrays arrays = state;  // a copy that no store can alias
  auto* momentum = reinterpret_cast<float*>(arrays.momentum);
  auto* variance = reinterpret_cast<float*>(arrays.variance);
  typename Lanes::flags overflow{};
  // Two vectors of fp32 a turn: one of 16-bit halves.
  for (std::size_t i = 0; i < arrays.count; i += 2 * Lanes::width) {
    const halves gradient = Lanes::load_halves(arrays.gradient + 2 * i);
    real p[2];
    Lanes::join(Lanes::load_halves(arrays.weights + 2 * i),
                Lanes::load_halves(arrays.residual + 2 * i), p);
    const real g[2] = {Lanes::widen_bf16_low(gradient), Lanes::widen_bf16_high(gradient)};
#pragma GCC unroll 2
    for (std::size_t half = 0; half < 2; ++half) {
      const std::size_t at = i + half * Lanes::width;
      p[half] = adamw.step(p[half], momentum + at, variance + at, Lanes::widen_low(g[half]),
                           Lanes::widen_high(g[half]));
    }
    const halves residual = Lanes::low_halves(p[0], p[1]);
    const halves weights = Lanes::round_halves(p[0], p[1], residual);
    Lanes::note_weight_overflow(overflow, weights, residual);
    Lanes::store_halves(arrays.weights + 2 * i, weights);
    Lanes::store_halves(arrays.residual + 2 * i, residual);
  }
  return Lanes::any(overflow);
}

/// The last count mod 32 elements of a run in arrays of their own, zero behind them; put() writes
/// them back. A zero element stays finite or becomes NaN, which no kernel reports as an overflow.
struct padded_rest {
  alignas(64) std::byte weights[4 * group_elements] = {};
  alignas(64) std::byte residual[2 * group_elements] = {};
  alignas(64) std::byte momentum[4 * group_elements] = {};
  alignas(64) std::byte variance[4 * group_elements] = {};
  alignas(64) std::byte gradient[4 * group_elements] = {};
};

/// Runs `groups` over the whole groups of `state`, then over the padded rest.
///
/// Units: weight_bytes of a weight and of a gradient, residual_bytes of a residual
template <class Lanes, class Groups>
bool run_with_rest(const adamw_factors& factors, const state_arrays& state,
                   std::size_t weight_bytes, std::size_t residual_bytes, Groups groups) {
  const std::size_t rest = state.count % group_elements;
  const std::size_t whole = state.count - rest;
  state_arrays arrays = state;
  arrays.count = whole;
  bool found = groups(factors, arrays);
  if (rest == 0) return found;

  padded_rest padded;
  __builtin_memcpy(padded.weights, state.weights + whole * weight_bytes, rest * weight_bytes);
  if (residual_bytes != 0) {
    __builtin_memcpy(padded.residual, state.residual + whole * residual_bytes,
                     rest * residual_bytes);
  }
  __builtin_memcpy(padded.momentum, state.momentum + whole * 4, rest * 4);
  __builtin_memcpy(padded.variance, state.variance + whole * 4, rest * 4);
  __builtin_memcpy(padded.gradient, state.gradient + whole * weight_bytes, rest * weight_bytes);
  found |= groups(factors, {padded.weights, padded.residual, padded.momentum, padded.variance,
                            padded.gradient, group_elements});
  __builtin_memcpy(state.weights + whole * weight_bytes, padded.weights, rest * weight_bytes);
  if (residual_bytes != 0) {
    __builtin_memcpy(state.residual + whole * residual_bytes, padded.residual,
                     rest * residual_bytes);
  }
  __builtin_memcpy(state.momentum + whole * 4, padded.momentum, rest * 4);
  __builtin_memcpy(state.variance + whole * 4, padded.variance, rest * 4);
  return found;
}

template <class Lanes>
void adamw_fp32(const adamw_factors& factors, const state_arrays& state) {
  run_with_rest<Lanes>(factors, state, 4, 0,
                       [](const adamw_factors& f, const state_arrays& arrays) {
                         adamw_fp32_groups<Lanes>(f, arrays);
                         return false;
                       });
}

template <class Lanes>
bool adamw_exact(const adamw_factors& factors, const state_arrays& state) {
  return run_with_rest<Lanes>(factors, state, 2, 2,
                              [](const adamw_factors& f, const state_arrays& arrays) {
                                return adamw_exact_groups<Lanes>(f, arrays);
                              });
}

}  // namespace ballast::cpu
