// The random bits of stochastic rounding: a function of (seed, step, element), so that a result
// depends on nothing else: not on tiles, threads, places or the instruction set.
//
// Source: splitmix64 (Steele, Lea & Flood 2014) draws the keys
#pragma once

#include <ballast/arithmetic/element_function.hpp>
#include <cstdint>

namespace ballast::arithmetic {

/// Elements that share a key, and in `int8` a scale.
inline constexpr std::uint64_t group_elements = 128;

BALLAST_ELEMENT std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

/// What a step's noise is drawn from.
BALLAST_ELEMENT std::uint64_t noise_key(std::uint64_t seed, std::uint64_t step) {
  return mixed(mixed(seed + 0x9E3779B97F4A7C15u) + step);
}

/// The key of the group of 128 elements that begins at the flat index `first`.
BALLAST_ELEMENT std::uint64_t group_key(std::uint64_t key, std::uint64_t first) {
  return mixed(key + (first / group_elements + 1) * 0x9E3779B97F4A7C15u);
}

/// 32 random bits of element `index`, in [0, 128), of a group: a Weyl sequence whose start and
/// stride are the key's. Uniform for each element and pairwise independent, which is what unbiased
/// rounding asks for, at one addition a vector.
BALLAST_ELEMENT std::uint32_t noise(std::uint64_t group_key, std::uint32_t index) {
  const std::uint32_t stride = static_cast<std::uint32_t>(group_key >> 32) | 1u;
  return static_cast<std::uint32_t>(group_key) + index * stride;
}

}  // namespace ballast::arithmetic
