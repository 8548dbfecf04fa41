#include <immintrin.h>

#include "tools/bench/pass_loops.hpp"

namespace ballast::tools {
namespace {

struct lanes {
  using real = __m512;
  static constexpr std::size_t width = 16;
  static constexpr std::size_t blocks_together = 2;

  static real all(float value) { return _mm512_set1_ps(value); }
  static real load(const float* at) { return _mm512_load_ps(at); }
  static void store(float* at, real value) { _mm512_store_ps(at, value); }
  static void stream(float* at, real value) { _mm512_stream_ps(at, value); }
  static real multiply(real a, real b) { return _mm512_mul_ps(a, b); }
  static void fence() { _mm_sfence(); }

  static real widen(const std::byte* at) {
    const __m256i halves = _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }

  static __m256i rounded(real value) {
    const __m512i bits = _mm512_add_epi32(_mm512_castps_si512(value), _mm512_set1_epi32(0x8000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
  }
  /// One store for a whole cache line.
  static void stream_rounded(std::byte* to, real low, real high) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to),
                        _mm512_inserti64x4(_mm512_castsi256_si512(rounded(low)), rounded(high), 1));
  }

  struct sums {
    __m512d low;
    __m512d high;
  };
  static sums no_sums() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
  static void add_squares(sums& to, const std::byte* at) {
    const __m512i values = _mm512_castps_si512(widen(at));
    const __m512d low = _mm512_cvtps_pd(_mm256_castsi256_ps(_mm512_castsi512_si256(values)));
    const __m512d high = _mm512_cvtps_pd(_mm256_castsi256_ps(_mm512_extracti64x4_epi64(values, 1)));
    to.low = _mm512_add_pd(to.low, _mm512_mul_pd(low, low));
    to.high = _mm512_add_pd(to.high, _mm512_mul_pd(high, high));
  }
  static void store(double* to, const sums& from) {
    _mm512_store_pd(to, from.low);
    _mm512_store_pd(to + 8, from.high);
  }
};

}  // namespace

const pass_table avx512_passes = passes_of<lanes>;

}  // namespace ballast::tools
