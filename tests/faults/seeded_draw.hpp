// Numbers that follow from a seed alone, the same on every machine: what a test drew once it can draw
// again.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ballast::faults {

/// splitmix64. Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators"
class seeded_draw {
 public:
  explicit seeded_draw(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }

  /// One of [0, limit); `limit` is not 0.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }

  /// True once in `n` on average; never when `n` is 0.
  bool one_in(std::uint32_t n) { return n != 0 && below(n) == 0; }

  template <class Value>
  void shuffle(std::vector<Value>& values) {
    for (std::size_t left = values.size(); left > 1; --left) {
      std::swap(values[left - 1], values[below(left)]);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace ballast::faults
