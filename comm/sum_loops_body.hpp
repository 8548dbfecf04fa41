// The ordered sum, written once as plain loops that the compiler turns into vectors.
//
// Included by the instantiation files only; everything is in an anonymous namespace, so that no copy
// of it leaves the object file. A block of sums stays in the first cache while rank after rank is
// added to it.
#pragma once

#include <ballast/arithmetic/narrow_floats.hpp>

#include "comm/sum_loops.hpp"

namespace ballast::comm {
namespace {

// As it may lie in memory: at any address, written as anything.
using f32_bits [[gnu::may_alias, gnu::aligned(1)]] = float;
using half_bits [[gnu::may_alias, gnu::aligned(1)]] = std::uint16_t;

struct f32_values {
  using stored = f32_bits;
  [[gnu::always_inline]] static float widen(float value) { return value; }
  [[gnu::always_inline]] static float narrow(float sum) { return arithmetic::canonical(sum); }
};

struct bf16_values {
  using stored = half_bits;
  [[gnu::always_inline]] static float widen(std::uint16_t value) {
    return arithmetic::widen_bf16(value);
  }
  [[gnu::always_inline]] static std::uint16_t narrow(float sum) {
    return arithmetic::round_to_bf16(sum);
  }
};

struct f16_values {
  using stored = half_bits;
  [[gnu::always_inline]] static float widen(std::uint16_t value) {
    return arithmetic::widen_f16(value);
  }
  [[gnu::always_inline]] static std::uint16_t narrow(float sum) {
    return arithmetic::round_to_f16(sum);
  }
};

/// Elements of a block: 4 KiB of sums.
inline constexpr std::size_t sum_block = 1024;

template <class Values>
void sum_in_order(std::byte* target, const std::byte* const* sources, std::size_t ranks,
                  std::size_t count) {
  using stored = typename Values::stored;
  alignas(64) float sums[sum_block];
  for (std::size_t begin = 0; begin < count; begin += sum_block) {
    const std::size_t size = count - begin < sum_block ? count - begin : sum_block;
    const auto at = [&](std::size_t r) __attribute__((always_inline)) {
      return reinterpret_cast<const stored*>(sources[r]) + begin;
    };
    const stored* const first = at(0);
    const stored* const second = at(1);
    for (std::size_t i = 0; i < size; ++i) {
      sums[i] = Values::widen(first[i]) + Values::widen(second[i]);
    }
    for (std::size_t r = 2; r < ranks; ++r) {
      const stored* const next = at(r);
      for (std::size_t i = 0; i < size; ++i) sums[i] += Values::widen(next[i]);
    }
    stored* const to = reinterpret_cast<stored*>(target) + begin;
    for (std::size_t i = 0; i < size; ++i) to[i] = Values::narrow(sums[i]);
  }
}

constexpr sum_loops all_sums = {
    {sum_in_order<f32_values>, sum_in_order<bf16_values>, sum_in_order<f16_values>}};

}  // namespace
}  // namespace ballast::comm
