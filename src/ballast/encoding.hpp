// How numbers are stored: element types, and the encodings of a tile's state (README, section
// "State encodings"). Layout facts only; the arithmetic lives in the update backends.
#pragma once

#include <ballast/types.hpp>
#include <optional>
#include <string_view>

namespace ballast {

enum class dtype : std::uint8_t { f32, bf16, f16 };

constexpr bytes size_of(dtype type) { return {type == dtype::f32 ? 4u : 2u}; }

/// How weights and optimizer state of one element are stored.
///
/// fp32:  weights f32; momentum f32, variance f32
/// exact: weights bf16, residual i16 (together the fp32 master, lossless); momentum f32,
///        variance f32
/// fp16, bf16, int8: refused at seal() until their kernels exist
enum class encoding : std::uint8_t { fp32, exact, fp16, bf16, int8 };

/// Bytes of one element in each array of a tile's state, in the order in which they are stored.
struct element_layout {
  dtype weights;
  bytes residual;
  bytes momentum;
  bytes variance;

  constexpr bytes state() const { return residual + momentum + variance; }
};

constexpr std::optional<element_layout> layout_of(encoding stored) {
  switch (stored) {
    case encoding::fp32: return element_layout{dtype::f32, {0}, {4}, {4}};
    case encoding::exact: return element_layout{dtype::bf16, {2}, {4}, {4}};
    default: return std::nullopt;
  }
}

static_assert(layout_of(encoding::fp32)->state() + size_of(dtype::f32) == bytes{12});
static_assert(layout_of(encoding::exact)->state() + size_of(dtype::bf16) == bytes{12});

std::string_view to_string(dtype type);
std::string_view to_string(encoding stored);

/// The parts of a parameter's state that can be read and written by name.
enum class state_part : std::uint8_t { weights, master, momentum, variance };

}  // namespace ballast
