// The random bits that one group of 128 elements is rounded with, and which of them decide what:
// bf16 takes 16 for each moment, int8 8 for the master and 23 others for both moments.
#pragma once

#include <ballast/arithmetic/eight_bit_moments.hpp>
#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/types.hpp>

namespace ballast::cpu {

class group_noise {
 public:
  group_noise(std::uint64_t noise_key, elements first)
      : random_(true), key_(arithmetic::group_key(noise_key, first.value)) {}
  /// What stands in for noise where a value is set by hand: half of the last bit, in every field.
  static group_noise to_nearest() { return group_noise{}; }

  /// 32 bits; int8's master takes the lowest 8.
  std::uint32_t of(std::size_t index) const {
    return random_ ? arithmetic::noise(key_, static_cast<std::uint32_t>(index)) : 0x80u;
  }
  std::uint32_t of_bf16_momentum(std::size_t index) const {
    return random_ ? of(index) & 0xFFFF : 0x8000u;
  }
  std::uint32_t of_bf16_variance(std::size_t index) const {
    return random_ ? of(index) >> 16 : 0x8000u;
  }
  std::uint32_t of_codes(std::size_t index) const {
    return random_ ? arithmetic::code_noise(of(index)) : arithmetic::half_a_code;
  }

 private:
  group_noise() = default;

  bool random_ = false;
  std::uint64_t key_ = 0;
};

}  // namespace ballast::cpu
