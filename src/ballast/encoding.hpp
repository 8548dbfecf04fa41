// How numbers are stored: element types, and the encodings of a tile's state (README, section
// "State encodings"). Layout facts only; the arithmetic is in ballast/arithmetic.
#pragma once

#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/optimizer.hpp>
#include <ballast/types.hpp>
#include <string_view>

namespace ballast {

enum class dtype : std::uint8_t { f32, bf16, f16 };
inline constexpr std::size_t dtype_count = 3;

constexpr bytes size_of(dtype type) { return {type == dtype::f32 ? 4u : 2u}; }

/// How weights and optimizer state of one element are stored.
///
/// fp32:  weights f32; moments f32
/// exact: weights bf16, residual i16 (together the fp32 master, lossless); moments f32
/// fp16:  weights f16, written only; residual is the f32 master; moments f32
/// bf16:  weights and residual as exact; moments bf16, stochastically rounded
/// int8:  weights bf16, residual i8 (together the master's first 24 bits); momentum i8 and the root
///        of the variance u8, each with an f32 scale a group of 128 elements
enum class encoding : std::uint8_t { fp32, exact, fp16, bf16, int8 };
inline constexpr std::size_t encoding_count = 5;

/// Elements that share a scale; parameters start at multiples of it.
inline constexpr elements scale_group{arithmetic::group_elements};

/// The size of one array of a tile's state.
struct array_width {
  bytes element;  ///< of one element
  bytes group;    ///< of one group of 128: scales

  constexpr bytes of(elements count) const {
    return element * count.value +
           group * ((count.value + arithmetic::group_elements - 1) / arithmetic::group_elements);
  }
};

/// The arrays of a tile's state, in the order in which they are stored.
struct state_layout {
  dtype weights;  ///< the compute type; gradients travel in it
  array_width residual{};
  array_width momentum{};
  array_width variance{};
  array_width momentum_scale{};
  array_width variance_scale{};

  /// Everything but the weights.
  constexpr bytes state(elements count) const {
    return residual.of(count) + momentum.of(count) + variance.of(count) + momentum_scale.of(count) +
           variance_scale.of(count);
  }
};

constexpr dtype compute_type(encoding stored) {
  if (stored == encoding::fp32) return dtype::f32;
  return stored == encoding::fp16 ? dtype::f16 : dtype::bf16;
}

constexpr state_layout layout_of(encoding stored, optimizer with) {
  state_layout made{.weights = compute_type(stored)};
  switch (stored) {
    case encoding::fp32: break;
    case encoding::exact:
    case encoding::bf16: made.residual.element = {2}; break;
    case encoding::fp16: made.residual.element = {4}; break;
    case encoding::int8: made.residual.element = {1}; break;
  }
  const bytes moment{stored == encoding::bf16 ? 2u : stored == encoding::int8 ? 1u : 4u};
  const bytes scale{stored == encoding::int8 ? 4u : 0u};
  made.momentum.element = moment;
  made.momentum_scale.group = scale;
  if (has_variance(with)) {
    made.variance.element = moment;
    made.variance_scale.group = scale;
  }
  return made;
}

static_assert(layout_of(encoding::exact, optimizer::adamw).state({128}) == bytes{10 * 128});
static_assert(layout_of(encoding::int8, optimizer::adamw).state({256}) == bytes{3 * 256 + 16});
static_assert(layout_of(encoding::fp32, optimizer::sgd).state({1}) == bytes{4});

std::string_view to_string(dtype type);
std::string_view to_string(encoding stored);

/// The parts of a parameter's state that can be read and written by name.
enum class state_part : std::uint8_t { weights, master, momentum, variance };

}  // namespace ballast
