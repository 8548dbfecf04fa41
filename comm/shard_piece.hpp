// Pieces of a collective that is carried out piece by piece: the same place in every rank's shard.
#pragma once

#include <algorithm>
#include <ballast/communicator.hpp>

namespace ballast::comm {

struct shard_piece {
  elements at;
  elements most;

  element_range of(element_range shard) const { return intersect({shard.begin + at, most}, shard); }
};

/// Of the longest shard: where the last piece ends.
inline elements longest(shard_ranges shards) {
  elements most;
  for (const element_range& each : shards) most = std::max(most, each.count);
  return most;
}

template <class Byte>
std::span<Byte> part_of(std::span<Byte> whole, element_range part, bytes width) {
  return whole.subspan(part.begin.value * width.value, part.count.value * width.value);
}

}  // namespace ballast::comm
