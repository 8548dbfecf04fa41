// fp16 by the F16C instructions: what round_to_f16 is compared with where a machine has them.
#pragma once

#include <immintrin.h>

#include <ballast/arithmetic/narrow_floats.hpp>
#include <cstdint>

namespace ballast::testing {

inline bool has_hardware_f16() { return __builtin_cpu_supports("f16c") != 0; }

/// Patterns in [first, last], `stride` apart, that the instruction rounds otherwise.
[[gnu::target("f16c")]] inline std::uint64_t count_f16_differences(std::uint64_t first,
                                                                   std::uint64_t last,
                                                                   std::uint64_t stride) {
  std::uint64_t different = 0;
  for (std::uint64_t bits = first; bits <= last; bits += stride) {
    const float value = arithmetic::float_of(static_cast<std::uint32_t>(bits));
    const auto expected = static_cast<std::uint16_t>(
        _cvtss_sh(arithmetic::canonical(value), _MM_FROUND_TO_NEAREST_INT));
    different += arithmetic::round_to_f16(value) != expected;
  }
  return different;
}

}  // namespace ballast::testing
