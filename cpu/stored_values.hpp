// State as bytes: memcpy reads and writes it without assumptions on aliasing or alignment.
#pragma once

#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/encoding.hpp>
#include <cstddef>
#include <cstring>

namespace ballast::cpu {

template <class Value>
Value load(const std::byte* array, std::size_t index) {
  Value value;
  std::memcpy(&value, array + index * sizeof value, sizeof value);
  return value;
}

template <class Value>
void store(std::byte* array, std::size_t index, Value value) {
  std::memcpy(array + index * sizeof value, &value, sizeof value);
}

/// Element `index` of an array of `type`, in fp32.
inline float load_float(dtype type, const std::byte* array, std::size_t index) {
  switch (type) {
    case dtype::f32: return load<float>(array, index);
    case dtype::bf16: return arithmetic::widen_bf16(load<std::uint16_t>(array, index));
    case dtype::f16: return arithmetic::widen_f16(load<std::uint16_t>(array, index));
  }
  return 0;
}

/// Rounds `value` to `type`, NaN canonical, and stores it; returns what was stored.
inline float store_float(dtype type, std::byte* array, std::size_t index, float value) {
  switch (type) {
    case dtype::f32: store(array, index, arithmetic::canonical(value)); break;
    case dtype::bf16: store(array, index, arithmetic::round_to_bf16(value)); break;
    case dtype::f16: store(array, index, arithmetic::round_to_f16(value)); break;
  }
  return load_float(type, array, index);
}

}  // namespace ballast::cpu
