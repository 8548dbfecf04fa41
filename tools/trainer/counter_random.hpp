// Random numbers as a function of (key, counter): no state, so any element can be asked for in any
// order, by any thread, and integers only, so every machine and language gets the same bits.
#pragma once

#include <cstdint>

namespace ballast::tools {

/// The output function of SplitMix64.
/// Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"
constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t counter) {
  return mixed(mixed(key) ^ counter);
}

/// A value of mean 0 and variance 1, nearly normal: the sum of twelve 16-bit uniforms, less 6.
///
/// Why: exact in fp32 up to one rounding, and bounded; Box-Muller's logarithm differs between
///      libraries
constexpr float random_normal(std::uint64_t key, std::uint64_t counter) {
  std::int64_t sum = 0;
  for (std::uint64_t word = 0; word < 3; ++word) {
    const std::uint64_t bits = random_bits(key + word, counter);
    sum += static_cast<std::int64_t>((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) +
                                     ((bits >> 32) & 0xFFFF) + (bits >> 48));
  }
  return static_cast<float>(sum - 6 * 65535) * (1.0f / 65536.0f);
}

/// A value in [0, 1) with 53 random bits.
constexpr double random_uniform(std::uint64_t key, std::uint64_t counter) {
  return static_cast<double>(random_bits(key, counter) >> 11) * 0x1p-53;
}

/// An index below `count`; the bias of at most count / 2^64 is accepted.
constexpr std::uint64_t random_index(std::uint64_t key, std::uint64_t counter,
                                     std::uint64_t count) {
  return random_bits(key, counter) % count;
}

}  // namespace ballast::tools
