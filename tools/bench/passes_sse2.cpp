#include <immintrin.h>

#include "tools/bench/pass_loops.hpp"

namespace ballast::tools {
namespace {

struct lanes {
  using real = __m128;
  static constexpr std::size_t width = 4;
  static constexpr std::size_t blocks_together = 1;

  static real all(float value) { return _mm_set1_ps(value); }
  static real load(const float* at) { return _mm_load_ps(at); }
  static void store(float* at, real value) { _mm_store_ps(at, value); }
  static void stream(float* at, real value) { _mm_stream_ps(at, value); }
  static real multiply(real a, real b) { return _mm_mul_ps(a, b); }
  static void fence() { _mm_sfence(); }

  /// Four bf16 are the high halves of four fp32.
  static real widen(const std::byte* at) {
    const __m128i halves = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), halves));
  }

  /// An arithmetic shift leaves 16-bit integers, which the saturating pack keeps as they are.
  static __m128i rounded(real value) {
    return _mm_srai_epi32(_mm_add_epi32(_mm_castps_si128(value), _mm_set1_epi32(0x8000)), 16);
  }
  static void stream_rounded(std::byte* to, real low, real high) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), _mm_packs_epi32(rounded(low), rounded(high)));
  }

  struct sums {
    __m128d lane[sum_lanes / 2];
  };
  static sums no_sums() { return {}; }
  /// Sixteen bf16, element i to lane i.
  static void add_squares(sums& to, const std::byte* at) {
    for (std::size_t i = 0; i < sum_lanes; i += width) {
      const real values = widen(at + 2 * i);
      const __m128d low = _mm_cvtps_pd(values);
      const __m128d high = _mm_cvtps_pd(_mm_movehl_ps(values, values));
      to.lane[i / 2] = _mm_add_pd(to.lane[i / 2], _mm_mul_pd(low, low));
      to.lane[i / 2 + 1] = _mm_add_pd(to.lane[i / 2 + 1], _mm_mul_pd(high, high));
    }
  }
  static void store(double* to, const sums& from) {
    for (std::size_t i = 0; i < sum_lanes / 2; ++i) _mm_store_pd(to + 2 * i, from.lane[i]);
  }
};

}  // namespace

const pass_table sse2_passes = passes_of<lanes>;

}  // namespace ballast::tools
