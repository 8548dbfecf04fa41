// Memory for transfer tests: any distance from a page, and canaries on both sides that are looked
// at by hand, because sanitizers do not see what the kernel writes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ballast/types.hpp>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace ballast::testing {

inline constexpr std::size_t guard_size = 4096;
inline constexpr std::byte canary{0xc5};
inline constexpr std::byte poison{0x5c};  ///< never-transferred bytes

/// The byte that belongs at position `at` of the data named `seed`.
constexpr std::byte pattern(std::uint64_t seed, std::uint64_t at) {
  std::uint64_t mixed = (at / 8 + 1) * 0x9e3779b97f4a7c15u + seed * 0xbf58476d1ce4e5b9u;
  mixed ^= mixed >> 29;
  return static_cast<std::byte>(mixed >> (8 * (at % 8)));
}

inline void fill_pattern(std::span<std::byte> memory, std::uint64_t seed, std::uint64_t at = 0) {
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = pattern(seed, at + i);
}

/// How many bytes are not the pattern's.
inline std::size_t wrong_bytes(std::span<const std::byte> memory, std::uint64_t seed,
                               std::uint64_t at = 0) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < memory.size(); ++i) wrong += memory[i] != pattern(seed, at + i);
  return wrong;
}

class guarded_buffer {
 public:
  explicit guarded_buffer(std::size_t size, std::size_t misalignment = 0)
      : size_(size), front_(guard_size + misalignment) {
    total_ = (front_ + size + 2 * guard_size - 1) / guard_size * guard_size;
    base_ = static_cast<std::byte*>(std::aligned_alloc(guard_size, total_));
    std::fill_n(base_, total_, canary);
    repoison();
  }
  guarded_buffer(guarded_buffer&& other) noexcept
      : size_(other.size_),
        front_(other.front_),
        total_(other.total_),
        base_(std::exchange(other.base_, nullptr)) {}
  guarded_buffer& operator=(guarded_buffer&&) = delete;
  ~guarded_buffer() {
    if (base_ == nullptr) return;
    EXPECT_TRUE(intact()) << "a transfer wrote outside of its memory";
    std::free(base_);
  }

  std::span<std::byte> span() { return {base_ + front_, size_}; }
  [[gnu::noinline]] void repoison() { std::fill_n(base_ + front_, size_, poison); }
  bool intact() const {
    const auto kept = [](std::byte value) { return value == canary; };
    return std::all_of(base_, base_ + front_, kept) &&
           std::all_of(base_ + front_ + size_, base_ + total_, kept);
  }

 private:
  std::size_t size_;
  std::size_t front_;
  std::size_t total_;
  std::byte* base_;
};

}  // namespace ballast::testing
