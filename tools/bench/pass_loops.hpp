// The loops behind pass_table, written once on `Lanes`: a vector of fp32, one of as many doubles as
// fit, and what turns bf16 into them and back. passes_sse2.cpp shows one.
//
// Included by the instantiation files only; their `Lanes` lives in an anonymous namespace, which
// makes every instantiation local to its object file.
#pragma once

#include "tools/bench/pass_table.hpp"

namespace ballast::tools {

inline constexpr std::size_t block_length = 4096;
inline constexpr std::size_t sum_lanes = 16;
/// Elements of a turn: whole cache lines of bf16 and of fp32.
inline constexpr std::size_t turn_length = 32;
inline constexpr std::size_t pass_prefetch_bytes = 2560;

/// Of one stream in place, a page ahead and 2 KiB at a time is fastest.
inline constexpr std::size_t long_turn_length = 512;
inline constexpr std::size_t long_prefetch_bytes = 4096;

template <std::size_t Ahead = pass_prefetch_bytes>
[[gnu::always_inline]] inline void ask_for(const void* now, std::size_t size) {
  for (std::size_t line = 0; line < size; line += 64) {
    __builtin_prefetch(static_cast<const std::byte*>(now) + Ahead + line);
  }
}

[[gnu::always_inline]] inline float widened(const std::byte* at) {
  unsigned short half;
  __builtin_memcpy(&half, at, sizeof half);
  const unsigned bits = static_cast<unsigned>(half) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

/// Sums in order have to wait for each other: two blocks side by side keep the adders busy.
///
/// Shapes:  gradient[Blocks][4096]
template <class Lanes, std::size_t Blocks>
[[gnu::always_inline]] inline void add_turns(typename Lanes::sums* sums, const std::byte* gradient,
                                             std::size_t count) {
  for (std::size_t i = 0; i < count; i += turn_length) {
    for (std::size_t block = 0; block < Blocks; ++block) {
      ask_for(gradient + 2 * (block * block_length + i), 2 * turn_length);
    }
#pragma GCC unroll 2
    for (std::size_t j = i; j < i + turn_length; j += sum_lanes) {
#pragma GCC unroll 4
      for (std::size_t block = 0; block < Blocks; ++block) {
        Lanes::add_squares(sums[block], gradient + 2 * (block * block_length + j));
      }
    }
  }
}

/// What `sums` comes to with the elements from `whole` to `count`.
template <class Lanes>
double folded(const typename Lanes::sums& sums, const std::byte* gradient, std::size_t whole,
              std::size_t count) {
  alignas(64) double lanes[sum_lanes];
  Lanes::store(lanes, sums);
  for (std::size_t i = whole; i < count; ++i) {
    const double value = widened(gradient + 2 * i);
    lanes[i % sum_lanes] += value * value;
  }
  for (std::size_t half = sum_lanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <class Lanes>
void block_sums(const std::byte* gradient, double* sums, std::size_t count) {
  constexpr std::size_t together = Lanes::blocks_together;
  std::size_t begin = 0;
  for (; begin + together * block_length <= count; begin += together * block_length) {
    typename Lanes::sums lanes[together];
    for (auto& each : lanes) each = Lanes::no_sums();
    const std::byte* const blocks = gradient + 2 * begin;
    add_turns<Lanes, together>(lanes, blocks, block_length);
    for (std::size_t i = 0; i < together; ++i) {
      *sums++ = folded<Lanes>(lanes[i], blocks, 0, 0);
    }
  }
  for (; begin < count; begin += block_length) {
    const std::size_t left = count - begin < block_length ? count - begin : block_length;
    const std::size_t whole = left / turn_length * turn_length;
    typename Lanes::sums lanes[1] = {Lanes::no_sums()};
    add_turns<Lanes, 1>(lanes, gradient + 2 * begin, whole);
    *sums++ = folded<Lanes>(lanes[0], gradient + 2 * begin, whole, left);
  }
}

template <class Lanes>
void widen(const std::byte* from, float* to, std::size_t count) {
  const std::size_t whole = count / turn_length * turn_length;
  for (std::size_t i = 0; i < whole; i += turn_length) {
    ask_for(from + 2 * i, 2 * turn_length);
#pragma GCC unroll 8
    for (std::size_t j = i; j < i + turn_length; j += Lanes::width) {
      Lanes::stream(to + j, Lanes::widen(from + 2 * j));
    }
  }
  for (std::size_t i = whole; i < count; ++i) to[i] = widened(from + 2 * i);
  Lanes::fence();
}

template <class Lanes>
void scale(float* values, float factor, std::size_t count) {
  const auto factors = Lanes::all(factor);
  const std::size_t whole = count / long_turn_length * long_turn_length;
  for (std::size_t i = 0; i < whole; i += long_turn_length) {
    ask_for<long_prefetch_bytes>(values + i, 4 * long_turn_length);
#pragma GCC unroll 8
    for (std::size_t j = i; j < i + long_turn_length; j += Lanes::width) {
      Lanes::store(values + j, Lanes::multiply(Lanes::load(values + j), factors));
    }
  }
  for (std::size_t i = whole; i < count; ++i) values[i] *= factor;
}

template <class Lanes>
void round(const float* from, std::byte* to, std::size_t count) {
  const std::size_t whole = count / turn_length * turn_length;
  for (std::size_t i = 0; i < whole; i += turn_length) {
    ask_for(from + i, 4 * turn_length);
#pragma GCC unroll 4
    for (std::size_t j = i; j < i + turn_length; j += 2 * Lanes::width) {
      Lanes::stream_rounded(to + 2 * j, Lanes::load(from + j),
                            Lanes::load(from + j + Lanes::width));
    }
  }
  for (std::size_t i = whole; i < count; ++i) {
    unsigned bits;
    __builtin_memcpy(&bits, from + i, sizeof bits);
    const auto half = static_cast<unsigned short>((bits + 0x8000u) >> 16);
    __builtin_memcpy(to + 2 * i, &half, sizeof half);
  }
  Lanes::fence();
}

template <class Lanes>
inline constexpr pass_table passes_of = {block_sums<Lanes>, widen<Lanes>, scale<Lanes>,
                                         round<Lanes>};

}  // namespace ballast::tools
