// Which part of a layer belongs to which rank: whole blocks, ceil(blocks / ranks) each, the last
// ranks' parts short or empty. A pure function, so every rank knows the parts of all.
//
// Worked example: 3 blocks (12288 elements) over 2 ranks are [0, 8192) and [8192, 12288); over 4
// ranks one block each for ranks 0 to 2, and nothing for rank 3.
#pragma once

#include <ballast/rounding.hpp>
#include <vector>

namespace ballast {

/// Shapes:  `whole` is whole blocks; `which` is less than `ranks`
constexpr element_range shard_of(elements whole, rank which, std::uint32_t ranks) {
  const std::uint64_t blocks = whole / block_elements;
  const elements each = block_elements * ((blocks + ranks - 1) / ranks);
  const elements begin = each * which.value < whole ? each * which.value : whole;
  const elements end = begin + each < whole ? begin + each : whole;
  return {begin, end - begin};
}

/// The shards of a whole that has an element of every rank, in order.
inline std::vector<element_range> one_of_each(std::uint32_t ranks) {
  std::vector<element_range> shards(ranks);
  for (std::uint32_t i = 0; i < ranks; ++i) {
    shards[i] = {{i}, {1}};
  }
  return shards;
}

static_assert(shard_of({3 * 4096}, {0}, 2) == element_range{{0}, {8192}});
static_assert(shard_of({3 * 4096}, {1}, 2) == element_range{{8192}, {4096}});
static_assert(shard_of({3 * 4096}, {3}, 4) == element_range{{3 * 4096}, {0}});

}  // namespace ballast
