// The random bits of stochastic rounding: a function of (seed, step, element), so that a result
// depends on nothing else: not on tiles, threads, places or the instruction set.
//
// Source: the finalizers of splitmix64 (Steele, Lea & Flood 2014) and of Wellons' lowbias32 (2018)
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

/// 32 random bits of element `index`, in [0, 128), of a group.
BALLAST_ELEMENT std::uint32_t noise(std::uint64_t group_key, std::uint32_t index) {
  std::uint32_t word = static_cast<std::uint32_t>(group_key) + index * 0x9E3779B9u;
  word = (word ^ (word >> 16)) * 0x7FEB352Du;
  word = (word ^ (word >> 15)) * 0x846CA68Bu;
  return word ^ static_cast<std::uint32_t>(group_key >> 32);
}

}  // namespace ballast::arithmetic
