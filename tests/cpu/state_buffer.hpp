// The arrays of a run of elements for tests: at any element offset, between guard bytes, comparable
// bit by bit. Owns its memory; one thread.
#pragma once

#include <algorithm>
#include <ballast/update.hpp>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <vector>

namespace ballast::testing {

/// `count` values of `size` bytes, `head` values into 64 B aligned memory, between guard bytes.
class guarded_array {
 public:
  guarded_array(std::size_t count, std::size_t size, std::size_t head)
      : bytes_(align + head * size + count * size + align, guard), count_(count * size) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data());
    begin_ = (align - address % align) % align + head * size;
    std::ranges::fill(as<std::byte>(), std::byte{0});
  }

  std::byte* data() { return bytes_.data() + begin_; }
  const std::byte* data() const { return bytes_.data() + begin_; }
  template <class Value>
  std::span<Value> as() {
    return {reinterpret_cast<Value*>(data()), count_ / sizeof(Value)};
  }

  bool guards_intact() const {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      if ((i < begin_ || i >= begin_ + count_) && bytes_[i] != guard) return false;
    }
    return true;
  }
  friend bool operator==(const guarded_array& a, const guarded_array& b) {
    return a.count_ == b.count_ && std::memcmp(a.data(), b.data(), a.count_) == 0;
  }

 private:
  static constexpr std::size_t align = 64;
  static constexpr std::byte guard{0xA5};
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
  std::size_t count_;
};

/// Everything an update reads and writes. Scales lie at a byte offset of their own, since a run
/// begins with its group.
struct state_buffer {
  state_buffer(encoding stored, std::size_t elements, std::size_t head,
               optimizer with = optimizer::adamw, dtype of_gradient = dtype::f32)
      : state_buffer(layout_of(stored, with), elements, head, of_gradient) {}
  // Copies would lose the alignment.
  state_buffer(const state_buffer&) = delete;
  state_buffer& operator=(const state_buffer&) = delete;

  /// `first` is the flat index of the first element.
  state_view view(elements first = {}) {
    return {pointer(weights),
            pointer(residual),
            pointer(momentum),
            pointer(variance),
            pointer(momentum_scale),
            pointer(variance_scale),
            gradient.data(),
            {count},
            first};
  }
  bool guards_intact() const {
    return weights.guards_intact() && residual.guards_intact() && momentum.guards_intact() &&
           variance.guards_intact() && momentum_scale.guards_intact() &&
           variance_scale.guards_intact() && gradient.guards_intact();
  }
  friend bool operator==(const state_buffer& a, const state_buffer& b) {
    return a.weights == b.weights && a.residual == b.residual && a.momentum == b.momentum &&
           a.variance == b.variance && a.momentum_scale == b.momentum_scale &&
           a.variance_scale == b.variance_scale && a.gradient == b.gradient;
  }

  std::size_t count;
  guarded_array weights, residual, momentum, variance, momentum_scale, variance_scale, gradient;

 private:
  state_buffer(const state_layout& arrays, std::size_t elements, std::size_t head, dtype type)
      : count(elements),
        weights(elements, size_of(arrays.weights).value, head),
        residual(elements, arrays.residual.element.value, head),
        momentum(elements, arrays.momentum.element.value, head),
        variance(elements, arrays.variance.element.value, head),
        momentum_scale((elements + 127) / 128, arrays.momentum_scale.group.value, head),
        variance_scale((elements + 127) / 128, arrays.variance_scale.group.value, head),
        gradient(elements, size_of(type).value, head) {}

  static std::byte* pointer(guarded_array& array) {
    return array.as<std::byte>().empty() ? nullptr : array.data();
  }
};

/// Values as they occur and as they hurt: normal ones of all sizes, subnormals, zeros of both
/// signs, infinities, NaNs with payloads, the borders of the exact split.
class awkward_floats {
 public:
  explicit awkward_floats(std::uint32_t seed) : random_(seed) {}

  float operator()() {
    const auto draw = static_cast<std::uint32_t>(random_());
    switch (draw % 32) {
      case 0: return std::bit_cast<float>(static_cast<std::uint32_t>(random_()));  // any pattern
      case 1: return std::bit_cast<float>(static_cast<std::uint32_t>(random_()) & 0x807FFFFFu);
      case 2: return special[(draw >> 8) % std::size(special)];
      default: return ordinary();
    }
  }
  /// Finite, between 1e-12 and 10 in size.
  float ordinary() {
    std::uniform_real_distribution<float> exponent(-12, 1);
    const float size = std::pow(10.0f, exponent(random_));
    return (random_() & 1) != 0 ? size : -size;
  }

 private:
  static constexpr float special[] = {
      0.0f,
      -0.0f,
      std::bit_cast<float>(0x7F800000u),
      std::bit_cast<float>(0xFF800000u),
      std::bit_cast<float>(0x7F800001u),
      std::bit_cast<float>(0xFFFFFFFFu),
      std::bit_cast<float>(0x7FFF8000u),
      std::bit_cast<float>(0x7F7F7FFFu),
      std::bit_cast<float>(0x7F7F8000u),
      std::bit_cast<float>(0xFF7FFFFFu),
      std::bit_cast<float>(0x00000001u),
      std::bit_cast<float>(0x3F808000u),
  };
  std::mt19937 random_;
};

}  // namespace ballast::testing
