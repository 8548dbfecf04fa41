// Cuts one span of memory into arrays, or only counts what the same cuts would need: the function
// that lays memory out is run twice, so what is asked for and what is used cannot disagree.
#pragma once

#include <ballast/assert.hpp>
#include <cstddef>
#include <span>

namespace ballast::tools {

class carver {
 public:
  /// Counts.
  carver() = default;
  /// Cuts `memory`, 64 B aligned.
  explicit carver(std::span<std::byte> memory) : memory_(memory), counting_(false) {}

  /// The next `count` elements, 64 B aligned; an empty span while counting.
  template <class T>
  std::span<T> take(std::size_t count) {
    const std::size_t begin = used_;
    used_ += (count * sizeof(T) + alignment - 1) / alignment * alignment;
    if (counting_) return {};
    require(used_ <= memory_.size(), "memory is cut as it was counted");
    return {reinterpret_cast<T*>(memory_.data() + begin), count};
  }

  std::size_t used_bytes() const { return used_; }

 private:
  static constexpr std::size_t alignment = 64;

  std::span<std::byte> memory_;
  std::size_t used_ = 0;
  bool counting_ = true;
};

}  // namespace ballast::tools
