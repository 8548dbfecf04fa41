// Plain memory traffic and the least arithmetic, written once on `Lanes`: one vector of an
// instruction set with load, store, stream, flip (some bits change), mix, scaled sum, and root and
// quotient. traffic_sse2.cpp shows one.
//
// Included by the instantiation files only; their `Lanes` lives in an anonymous namespace, which
// makes every instantiation local to its object file.
#pragma once

#include "tools/bench/traffic_table.hpp"

namespace ballast::tools {

inline constexpr std::size_t line_bytes = 64;

/// Calls body(offset) for every vector of `size` bytes, by whole cache lines.
template <class Lanes, class Body>
[[gnu::always_inline]] inline void for_each_vector(std::size_t size, Body body) {
  for (std::size_t line = 0; line < size; line += line_bytes) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < line_bytes; i += sizeof(typename Lanes::vector)) {
      body(line + i);
    }
  }
}

template <std::size_t Ahead>
[[gnu::always_inline]] inline void fetch_ahead(const std::byte* now, std::size_t offset) {
  if constexpr (Ahead != 0) {
    if (offset % line_bytes == 0) __builtin_prefetch(now + offset + Ahead);
  }
}

template <class Lanes, bool Stream>
[[gnu::always_inline]] inline void put(std::byte* to, typename Lanes::vector value) {
  if constexpr (Stream) {
    Lanes::stream(to, value);
  } else {
    Lanes::store(to, value);
  }
}

template <class Lanes, std::size_t Ahead, bool Stream>
[[gnu::always_inline]] inline void update_bytes(std::byte* array, std::size_t size) {
  for_each_vector<Lanes>(
      size, [&](std::size_t at) __attribute__((always_inline)) {
        fetch_ahead<Ahead>(array, at);
        put<Lanes, Stream>(array + at, Lanes::flip(Lanes::load(array + at)));
      });
}

template <class Lanes, bool Stream>
[[gnu::always_inline]] inline void write_bytes(std::byte* to, std::size_t size) {
  const auto value = Lanes::flip(Lanes::zero());
  for_each_vector<Lanes>(
      size, [&](std::size_t at)
                __attribute__((always_inline)) { put<Lanes, Stream>(to + at, value); });
}

template <class Lanes, std::size_t Ahead>
[[gnu::always_inline]] inline void read_bytes(const std::byte* from, std::size_t size) {
  auto seen = Lanes::zero();
  for_each_vector<Lanes>(
      size, [&](std::size_t at) __attribute__((always_inline)) {
        fetch_ahead<Ahead>(from, at);
        seen = Lanes::mix(seen, Lanes::load(from + at));
      });
  asm volatile("" : : "x"(seen));
}

template <class Lanes, std::size_t Ahead, bool StreamUpdates, bool StreamWrites>
void pass(const passed_array* arrays, std::size_t count, std::size_t turns) {
  for (std::size_t turn = 0; turn < turns; ++turn) {
    for (const passed_array* each = arrays; each != arrays + count; ++each) {
      const std::size_t size = each->bytes_a_turn;
      std::byte* const begin = each->begin + turn * size;
      switch (each->how) {
        case access::read: read_bytes<Lanes, Ahead>(begin, size); break;
        case access::write: write_bytes<Lanes, StreamWrites>(begin, size); break;
        case access::update: update_bytes<Lanes, Ahead, StreamUpdates>(begin, size); break;
      }
    }
  }
  Lanes::fence();
}

template <class Lanes, std::size_t Ahead>
void read(const std::byte* from, std::size_t size) {
  read_bytes<Lanes, Ahead>(from, size);
}

template <class Lanes, bool Stream>
void write(std::byte* to, std::size_t size) {
  write_bytes<Lanes, Stream>(to, size);
  Lanes::fence();
}

template <class Lanes, std::size_t Ahead, bool Stream>
void copy(std::byte* to, const std::byte* from, std::size_t size) {
  for_each_vector<Lanes>(
      size, [&](std::size_t at) __attribute__((always_inline)) {
        fetch_ahead<Ahead>(from, at);
        put<Lanes, Stream>(to + at, Lanes::load(from + at));
      });
  Lanes::fence();
}

template <class Lanes, std::size_t Ahead, bool Stream>
void triad(std::byte* to, const std::byte* a, const std::byte* b, std::size_t size) {
  for_each_vector<Lanes>(
      size, [&](std::size_t at) __attribute__((always_inline)) {
        fetch_ahead<Ahead>(a, at);
        fetch_ahead<Ahead>(b, at);
        put<Lanes, Stream>(to + at, Lanes::scaled_sum(Lanes::load(a + at), Lanes::load(b + at)));
      });
  Lanes::fence();
}

template <class Lanes>
void root_and_quotient(std::byte* to, const std::byte* m, const std::byte* v, std::size_t size) {
  for_each_vector<Lanes>(
      size, [&](std::size_t at) __attribute__((always_inline)) {
        Lanes::store(to + at, Lanes::root_and_quotient(Lanes::load(m + at), Lanes::load(v + at)));
      });
}

template <class Lanes, std::size_t Ahead>
inline constexpr traffic_loops loops_of = {
    {{pass<Lanes, Ahead, false, false>, pass<Lanes, Ahead, false, true>},
     {pass<Lanes, Ahead, true, false>, pass<Lanes, Ahead, true, true>}},
    read<Lanes, Ahead>,
    {write<Lanes, false>, write<Lanes, true>},
    {copy<Lanes, Ahead, false>, copy<Lanes, Ahead, true>},
    {triad<Lanes, Ahead, false>, triad<Lanes, Ahead, true>}};

template <class Lanes>
inline constexpr traffic_table table_of = {
    sizeof(typename Lanes::vector),
    root_and_quotient<Lanes>,
    {loops_of<Lanes, prefetch_distances[0]>, loops_of<Lanes, prefetch_distances[1]>,
     loops_of<Lanes, prefetch_distances[2]>, loops_of<Lanes, prefetch_distances[3]>}};

}  // namespace ballast::tools
