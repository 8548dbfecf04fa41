// The memory's own speed for the bytes of some work: the same arrays, read and written as that work
// does it, by loops that do nothing else. The limit is the fastest of many variants of them.
#pragma once

#include <ballast/encoding.hpp>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/sampling.hpp"
#include "tools/bench/thread_team.hpp"
#include "tools/bench/traffic_table.hpp"

namespace ballast::tools {

/// An array of some work: `width` bytes of every element are read, written or both.
///
/// Memory:  begin is a multiple of 64
struct worked_array {
  std::byte* begin;
  array_width width;
  access how;

  std::byte* at(elements first) const { return begin + width.of(first).value; }
};

/// Bytes that one pass over `count` elements of the arrays reads and writes.
bytes traffic_of(std::span<const worked_array> arrays, elements count);

/// One way to move the bytes.
struct traffic_variant {
  const traffic_table* set;
  std::size_t distance;  ///< index of its prefetch distance
  elements turn;         ///< elements of each array before the next one's turn
  bool stream_updates;
  bool stream_writes;

  /// "64 B vectors, prefetch 2560 B, turns of 512, streamed writes"
  std::string name() const;
};

/// The instruction sets of this machine, narrowest first.
std::vector<const traffic_table*> traffic_tables();

/// Every variant that these arrays tell apart.
std::vector<traffic_variant> traffic_variants(std::span<const worked_array> arrays);

/// Moves the bytes of `part` as `how` says.
///
/// Shapes:  part.begin is a multiple of bench_slice; of its elements the last, less than 64, and of
///          scales the last, less than a line, may stay untouched
void move_bytes(const traffic_variant& how, std::span<const worked_array> arrays,
                element_range part);

/// The few fastest variants of one work, ready to take part in its rounds.
struct traffic_limit {
  std::vector<traffic_variant> variants;
  std::vector<work> works;  ///< one a variant

  /// Of the series that the works made: the index of the one with the best median.
  static std::size_t best(std::span<const series> taken);
};

/// Tries all variants on the first of the `count` elements, twice, and keeps the fastest four.
///
/// Memory:  the arrays and the team outlive what is returned
traffic_limit find_limit(std::span<const worked_array> arrays, elements count, std::uint32_t passes,
                         thread_team& team);

}  // namespace ballast::tools
