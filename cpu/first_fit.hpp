// Places in an arena: first fit over a sorted list of holes, neighbours joined when given back.
//
// It hands out offsets and never touches memory. Bounded by its capacity; one caller at a time.
#pragma once

#include <ballast/types.hpp>
#include <optional>
#include <vector>

namespace ballast::cpu {

/// A half-open run of bytes in the arena.
struct arena_range {
  bytes begin;
  bytes size;
  constexpr bytes end() const { return begin + size; }
};

class first_fit {
 public:
  /// Every place starts at a multiple of `alignment` and covers whole units of it; so does
  /// `capacity` (what is left over is not given out).
  first_fit(bytes capacity, bytes alignment);

  /// The lowest hole that holds `size`; nullopt when none does. Zero bytes take one unit.
  std::optional<arena_range> take(bytes size);
  /// Gives back what take() placed at `begin`; anything else is a contract failure.
  void give(bytes begin);

  bytes taken() const { return taken_total_; }
  bytes largest_hole() const;

 private:
  bytes alignment_;
  bytes taken_total_;
  std::vector<arena_range> holes_;  ///< sorted, never adjacent
  std::vector<arena_range> taken_;  ///< sorted
};

}  // namespace ballast::cpu
