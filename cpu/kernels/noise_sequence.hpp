// The random words of a group's elements in order, two vectors at a time: arithmetic::noise.
#pragma once

#include <ballast/arithmetic/rounding_noise.hpp>

namespace ballast::cpu {

template <class Lanes>
class noise_sequence {
 public:
  using words = typename Lanes::words;

  [[gnu::always_inline]] explicit noise_sequence(std::uint64_t group_key) {
    const std::uint32_t stride = static_cast<std::uint32_t>(group_key >> 32) | 1u;
    now_ = Lanes::count() * stride + static_cast<std::uint32_t>(group_key);
    advance_ = words{} + stride * static_cast<std::uint32_t>(Lanes::width);
  }

  [[gnu::always_inline]] void next(words (&drawn)[2]) {
    drawn[0] = now_;
    drawn[1] = now_ + advance_;
    now_ = drawn[1] + advance_;
  }

 private:
  words now_, advance_;
};

}  // namespace ballast::cpu
