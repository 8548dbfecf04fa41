// The ordered sum and the copy, written once: the arithmetic as plain loops that the compiler turns
// into vectors, the stores past the cache on `Lanes`, the widest store of an instruction set.
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

inline constexpr std::size_t cache_line = 64;
/// Elements of a block: a few lines of each source in turn, which the processor then fetches ahead by
/// itself. On a Zen 4, with 4 KiB pages, 64 have 0.9 of a copy's rate, 256 0.8, 2048 0.5; asking for
/// lines 4 KiB ahead took 256 to 0.5.
inline constexpr std::size_t sum_block = 64;
/// How far ahead of what is copied memory is asked for: beyond the processor's own reach, up to a page.
inline constexpr std::size_t bytes_ahead = 4096;

[[gnu::always_inline]] inline void fetch_ahead(const std::byte* now, std::size_t size) {
  for (std::size_t at = 0; at < size; at += cache_line) __builtin_prefetch(now + bytes_ahead + at);
}

/// By whole lines of the target past the cache, what is before and behind them as usual.
template <class Lanes>
[[gnu::always_inline]] inline void stream(std::byte* target, const std::byte* source,
                                          std::size_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(target);
  std::size_t at = (cache_line - address % cache_line) % cache_line;
  at = at < size ? at : size;
  __builtin_memcpy(target, source, at);
  for (; at + cache_line <= size; at += cache_line) {
    for (std::size_t i = 0; i < cache_line; i += sizeof(typename Lanes::vector)) {
      Lanes::stream(target + at + i, Lanes::load(source + at + i));
    }
  }
  __builtin_memcpy(target + at, source + at, size - at);
}

template <class Lanes, bool Streamed>
void copy(std::byte* target, const std::byte* source, std::size_t size) {
  if constexpr (Streamed) {
    constexpr std::size_t step = 16 * cache_line;
    for (std::size_t at = 0; at < size; at += step) {
      const std::size_t now = size - at < step ? size - at : step;
      fetch_ahead(source + at, now);
      stream<Lanes>(target + at, source + at, now);
    }
    Lanes::fence();
  } else {
    __builtin_memcpy(target, source, size);
  }
}

template <class Lanes, class Values, bool Streamed>
void sum_in_order(std::byte* target, const std::byte* const* sources, std::size_t ranks,
                  std::size_t count) {
  using stored = typename Values::stored;
  alignas(64) float sums[sum_block];
  alignas(64) stored rounded[sum_block];
  for (std::size_t begin = 0; begin < count; begin += sum_block) {
    const std::size_t size = count - begin < sum_block ? count - begin : sum_block;
    const auto at = [&](std::size_t r) __attribute__((always_inline)) {
      return reinterpret_cast<const stored*>(sources[r] + begin * sizeof(stored));
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
    std::byte* const to = target + begin * sizeof(stored);
    stored* const result = Streamed ? rounded : reinterpret_cast<stored*>(to);
    for (std::size_t i = 0; i < size; ++i) result[i] = Values::narrow(sums[i]);
    if constexpr (Streamed) {
      stream<Lanes>(to, reinterpret_cast<const std::byte*>(rounded), size * sizeof(stored));
    }
  }
  if constexpr (Streamed) Lanes::fence();
}

template <class Lanes>
constexpr sum_loops all_sums = {
    {{sum_in_order<Lanes, f32_values, false>, sum_in_order<Lanes, bf16_values, false>,
      sum_in_order<Lanes, f16_values, false>},
     {sum_in_order<Lanes, f32_values, true>, sum_in_order<Lanes, bf16_values, true>,
      sum_in_order<Lanes, f16_values, true>}},
    {copy<Lanes, false>, copy<Lanes, true>}};

}  // namespace
}  // namespace ballast::comm
