// A run of state with values that kernels get wrong: of the size that training sees, and in every
// third group of 128 any bits at all, subnormal, infinite, NaN and negative variances among them.
#pragma once

#include <array>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/update.hpp>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "cpu/reference.hpp"

namespace ballast::gpu {

using buffer = std::vector<std::byte>;

template <class Value>
buffer as_buffer(const std::vector<Value>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

/// Every `wild`-th is any pattern of bits; 0: none.
inline std::vector<float> awkward_floats(std::size_t count, std::uint64_t seed, std::size_t wild) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 0.02F);
  std::vector<float> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    made[i] = wild != 0 && i % wild == wild - 1
                  ? arithmetic::float_of(static_cast<std::uint32_t>(random()))
                  : normal(random);
  }
  return made;
}

inline float element_of(const buffer& from, dtype type, std::size_t i) {
  if (type == dtype::f32) {
    float value = 0;
    std::memcpy(&value, &from[i * sizeof value], sizeof value);
    return value;
  }
  std::uint16_t value = 0;
  std::memcpy(&value, &from[i * sizeof value], sizeof value);
  return type == dtype::bf16 ? arithmetic::widen_bf16(value) : arithmetic::widen_f16(value);
}

inline void scatter_bits(buffer& array, std::size_t element_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::size_t group_bytes = 128 * element_bytes;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i / group_bytes % 3 == 2) {
      array[i] = static_cast<std::byte>(random());
    }
  }
}

/// What a state is made of: values that training sees, or wild ones among them.
enum class state_values : std::uint8_t { tame, wild };

inline buffer gradient_of(dtype type, std::size_t count, state_values values) {
  buffer made(count * size_of(type).value);
  std::vector<double> sums((count + 4095) / 4096);
  std::uint32_t findings = 0;
  cpu::reference::encode_gradient(awkward_floats(count, 4, 0), type, made.data(), sums, findings);
  if (values == state_values::wild) {
    scatter_bits(made, size_of(type).value, 8);
  }
  return made;
}

inline constexpr std::array<std::byte * state_view::*, 6> state_arrays = {
    &state_view::weights,  &state_view::residual,       &state_view::momentum,
    &state_view::variance, &state_view::momentum_scale, &state_view::variance_scale};
inline constexpr std::array<const char*, 6> state_array_names = {
    "weights", "residual", "momentum", "variance", "momentum_scale", "variance_scale"};

/// The sizes of an element in state_arrays, and of a group's scale.
inline std::array<array_width, 6> state_widths(encoding stored, optimizer with) {
  const state_layout layout = layout_of(stored, with);
  return {array_width{size_of(layout.weights), {0}},
          layout.residual,
          layout.momentum,
          layout.variance,
          layout.momentum_scale,
          layout.variance_scale};
}

/// Owner of a run's arrays in host memory; those that do not exist are empty.
class awkward_state {
 public:
  awkward_state(encoding stored, optimizer with, dtype gradient_type, std::size_t count,
                state_values values = state_values::wild)
      : gradient(gradient_of(gradient_type, count, values)) {
    const auto widths = state_widths(stored, with);
    view.count = {count};
    for (std::size_t part = 0; part < widths.size(); ++part) {
      arrays[part].resize(widths[part].of({count}).value);
      view.*state_arrays[part] = arrays[part].empty() ? nullptr : arrays[part].data();
    }
    view.gradient = gradient.data();
    encode(stored);
    if (values == state_values::wild) {
      scatter(widths);
    }
  }
  awkward_state(const awkward_state&) = delete;
  awkward_state& operator=(const awkward_state&) = delete;

  std::array<buffer, 6> arrays;
  buffer gradient;
  state_view view;

 private:
  void encode(encoding stored) {
    const std::size_t count = view.count.value;
    std::uint32_t findings = 0;
    cpu::reference::encode_master(stored, awkward_floats(count, 1, 0), view, findings);
    cpu::reference::encode_moment(stored, state_part::momentum, awkward_floats(count, 2, 0), view);
    if (view.variance != nullptr) {
      std::vector<float> variance = awkward_floats(count, 3, 0);
      for (float& value : variance) {
        value *= value;
      }
      cpu::reference::encode_moment(stored, state_part::variance, variance, view);
    }
  }

  void scatter(const std::array<array_width, 6>& widths) {
    for (std::size_t part = 0; part < 4; ++part) {
      scatter_bits(arrays[part], widths[part].element.value, 20 + part);
    }
    // Now and then a scale that is not a number, or one that no update writes.
    for (std::size_t part = 4; part < widths.size(); ++part) {
      for (std::size_t group = 5; group * sizeof(float) < arrays[part].size(); group += 12) {
        const float scale = group % 24 == 5 ? std::numeric_limits<float>::quiet_NaN() : 1e38F;
        std::memcpy(&arrays[part][group * sizeof scale], &scale, sizeof scale);
      }
    }
  }
};

}  // namespace ballast::gpu
