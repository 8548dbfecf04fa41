// What ranks bring to a reduction in tests, and what must come out: the ordered sum, written once as
// a plain loop on the arithmetic of one element.
#pragma once

#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/communicator.hpp>
#include <ballast/shard.hpp>
#include <cmath>
#include <cstring>
#include <vector>

namespace ballast::conformance {

/// The byte of memory that nothing has written.
inline constexpr std::byte unwritten{0xA5};

/// Which values: around one, so that the order of a sum shows in its last bits; or every pattern
/// there is, infinities and NaN among them.
enum class values : unsigned char { moderate, any_bits };

inline collective_tag tag(std::uint64_t sequence) { return {.layer = {7}, .sequence = sequence}; }

/// The shards of a layer of so many blocks.
inline std::vector<element_range> layer_shards(std::uint64_t blocks, std::uint32_t ranks) {
  std::vector<element_range> made;
  for (std::uint32_t r = 0; r < ranks; ++r) {
    made.push_back(shard_of(block_elements * blocks, {r}, ranks));
  }
  return made;
}

/// A part of each of several shards, of odd lengths and with gaps; the last is empty where there are
/// several.
inline std::vector<element_range> bucket(std::uint32_t ranks) {
  std::vector<element_range> made;
  for (std::uint64_t r = 0; r < ranks; ++r) {
    made.push_back({{5003 * r + 1}, {r > 0 && r + 1 == ranks ? 0 : 4097 - 2 * r}});
  }
  return made;
}

template <class Bytes>
auto part_of(Bytes& whole, element_range part, bytes width) {
  return std::span(whole).subspan(part.begin.value * width.value, part.count.value * width.value);
}

inline float widen(std::uint32_t stored, dtype type) {
  if (type == dtype::f32) return arithmetic::float_of(stored);
  const auto half = static_cast<std::uint16_t>(stored);
  return type == dtype::bf16 ? arithmetic::widen_bf16(half) : arithmetic::widen_f16(half);
}

inline std::uint32_t narrow(float value, dtype type) {
  if (type == dtype::f32) return arithmetic::bits_of(arithmetic::canonical(value));
  return type == dtype::bf16 ? arithmetic::round_to_bf16(value) : arithmetic::round_to_f16(value);
}

/// What rank `which` brings at position `at`, as it is stored.
inline std::uint32_t rank_value(rank which, std::uint64_t at, dtype type, values drawn) {
  std::uint64_t mixed = (at + 1) * 0x9e3779b97f4a7c15u + (which.value + 1) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 31)) * 0x94d049bb133111ebu;
  const auto bits = static_cast<std::uint32_t>(mixed >> 32);
  if (drawn == values::any_bits) return type == dtype::f32 ? bits : bits & 0xFFFFu;
  const float value =
      (static_cast<float>(bits >> 8) * 0x1p-24f - 0.5f) * static_cast<float>(1 << (bits & 7u));
  return narrow(value, type);
}

inline std::vector<std::byte> rank_values(rank which, dtype type, elements count, values drawn) {
  const std::uint64_t width = size_of(type).value;
  std::vector<std::byte> made(count.value * width);
  for (std::uint64_t i = 0; i < count.value; ++i) {
    const std::uint32_t stored = rank_value(which, i, type, drawn);
    std::memcpy(made.data() + i * width, &stored, width);
  }
  return made;
}

/// How many elements of `sums`, which are those of `range`, are not the sum over the ranks in
/// ascending order, in fp32, rounded once. The sum of one rank is what it brought.
inline std::uint64_t wrong_sums(std::span<const std::byte> sums, element_range range, dtype type,
                                std::uint32_t ranks, values drawn) {
  const std::uint64_t width = size_of(type).value;
  std::uint64_t wrong = sums.size() == range.count.value * width ? 0 : 1;
  for (std::uint64_t i = 0; i < sums.size() / width; ++i) {
    const std::uint64_t at = range.begin.value + i;
    const std::uint32_t first = rank_value({0}, at, type, drawn);
    float sum = widen(first, type);
    for (std::uint32_t r = 1; r < ranks; ++r) {
      sum += widen(rank_value({r}, at, type, drawn), type);
    }
    const std::uint32_t expected = ranks == 1 ? first : narrow(sum, type);
    std::uint32_t found = 0;
    std::memcpy(&found, sums.data() + i * width, width);
    wrong += found == expected ? 0 : 1;
  }
  return wrong;
}

/// How many elements of `sums`, as wrong_sums() has them of moderate values, are further from the exact
/// sum than rounding to the type after every rank can bring them, in any order. The sum of one rank is
/// what it brought.
inline std::uint64_t far_sums(std::span<const std::byte> sums, element_range range, dtype type,
                              std::uint32_t ranks) {
  if (ranks == 1) return wrong_sums(sums, range, type, 1, values::moderate);
  const std::uint64_t width = size_of(type).value;
  // Of a rounding: half the distance of neighbours at most, over the value; and of the smallest.
  const double relative = type == dtype::f32 ? 0x1p-24 : type == dtype::bf16 ? 0x1p-8 : 0x1p-11;
  const double least = type == dtype::f16 ? 0x1p-25 : 0;
  std::uint64_t far = sums.size() == range.count.value * width ? 0 : 1;
  for (std::uint64_t i = 0; i < sums.size() / width; ++i) {
    double exact = 0;
    double sizes = 0;
    for (std::uint32_t r = 0; r < ranks; ++r) {
      const double value =
          widen(rank_value({r}, range.begin.value + i, type, values::moderate), type);
      exact += value;
      sizes += std::abs(value);
    }
    std::uint32_t found = 0;
    std::memcpy(&found, sums.data() + i * width, width);
    const double bound = (ranks - 1) * (1.01 * relative * sizes + least);
    far += std::abs(widen(found, type) - exact) <= bound ? 0 : 1;
  }
  return far;
}

}  // namespace ballast::conformance
