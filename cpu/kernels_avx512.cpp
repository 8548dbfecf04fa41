// The kernels for AVX-512 (F, BW, DQ, VL), sixteen elements a vector; compiled for it, run only
// where update_backend.cpp has found it.
//
// Intrinsics on batch data where xsimd 8.1 has no function: 16-bit halves widened and narrowed,
// float to double, masks; its AVX-512 integer operations would also bring in functions of its AVX2
// batches, which must not come from this translation unit.
#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#include <cpu/adamw_kernels.hpp>
#include <cpu/conversion_kernels.hpp>

namespace ballast::cpu {
namespace {

/// The 16-bit places that a permutation of two vectors takes, in order; the second's begin at 32.
struct places {
  short taken[32];
};

/// Pairs of a half of the first and one of the second vector, sixteen of each from `start`.
constexpr places interleave(int start) {
  places made{};
  for (int i = 0; i < 16; ++i) {
    made.taken[2 * i] = static_cast<short>(start + i);
    made.taken[2 * i + 1] = static_cast<short>(32 + start + i);
  }
  return made;
}

/// The low (0) or high (1) halves of 32 values of 32 bits.
constexpr places every_second(int first) {
  places made{};
  for (int i = 0; i < 32; ++i) made.taken[i] = static_cast<short>(first + 2 * i);
  return made;
}

alignas(64) constexpr places first_pairs = interleave(0);
alignas(64) constexpr places second_pairs = interleave(16);
alignas(64) constexpr places low_places = every_second(0);
alignas(64) constexpr places high_places = every_second(1);

struct avx512_lanes {
  using real = xsimd::batch<float, xsimd::avx512f>;
  using wide = xsimd::batch<double, xsimd::avx512f>;
  using halves = __m512i;  ///< 32 16-bit halves: of two vectors of fp32
  using flags = __mmask32;
  static constexpr std::size_t width = 16;
  static constexpr std::size_t wide_width = 8;

  static __m512i bits(real value) { return _mm512_castps_si512(value); }
  static __m512i load_places(const places& from) { return _mm512_loadu_si512(from.taken); }

  static real canonical(real value) {
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(0x7FC00000));
    return _mm512_mask_mov_ps(value, is_nan, nan);
  }

  static halves load_halves(const std::byte* from) { return _mm512_loadu_si512(from); }
  static void store_halves(std::byte* to, halves values) { _mm512_storeu_si512(to, values); }

  static real widen_bf16_low(halves values) {
    return _mm512_castsi512_ps(
        _mm512_permutex2var_epi16(_mm512_setzero_si512(), load_places(first_pairs), values));
  }
  static real widen_bf16_high(halves values) {
    return _mm512_castsi512_ps(
        _mm512_permutex2var_epi16(_mm512_setzero_si512(), load_places(second_pairs), values));
  }

  /// (weight << 16) + residual: a negative residual borrows one from the weight.
  static void join(halves weight, halves residual, real (&masters)[2]) {
    const __m512i high = _mm512_add_epi16(weight, _mm512_srai_epi16(residual, 15));
    masters[0] =
        _mm512_castsi512_ps(_mm512_permutex2var_epi16(residual, load_places(first_pairs), high));
    masters[1] =
        _mm512_castsi512_ps(_mm512_permutex2var_epi16(residual, load_places(second_pairs), high));
  }
  /// The residuals: the low half of each.
  static halves low_halves(real first, real second) {
    return _mm512_permutex2var_epi16(bits(first), load_places(low_places), bits(second));
  }
  /// The weights: the high half of each, and one more where the low half is negative.
  static halves round_halves(real first, real second, halves low) {
    const __m512i high =
        _mm512_permutex2var_epi16(bits(first), load_places(high_places), bits(second));
    return _mm512_sub_epi16(high, _mm512_srai_epi16(low, 15));
  }

  /// A weight is infinite and not by itself: its residual is not zero.
  static void note_weight_overflow(flags& seen, halves weight, halves residual) {
    const __m512i magnitude = _mm512_and_si512(weight, _mm512_set1_epi16(0x7FFF));
    const __mmask32 infinite = _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(0x7F80));
    seen |= _mm512_mask_test_epi16_mask(infinite, residual, residual);
  }
  static void note_not_finite(flags& seen, real value) {
    const __m512i exponent = _mm512_set1_epi32(0x7F800000);
    seen |= _mm512_cmpeq_epi32_mask(_mm512_and_si512(bits(value), exponent), exponent);
  }
  static bool any(flags seen) { return seen != 0; }

  static wide load_wide(const float* from) { return _mm512_cvtps_pd(_mm256_loadu_ps(from)); }
  static wide widen_low(real values) { return _mm512_cvtps_pd(_mm512_castps512_ps256(values)); }
  static wide widen_high(real values) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1)); }
  static real narrow(wide low, wide high) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high),
                              1);
  }
};

}  // namespace

extern constexpr kernel_table avx512_kernels = {
    .adamw_fp32 = adamw_fp32<avx512_lanes>,
    .adamw_exact = adamw_exact<avx512_lanes>,
    .encode_f32 = encode<avx512_lanes, false>,
    .encode_bf16 = encode<avx512_lanes, true>,
    .accumulate = accumulate<avx512_lanes>,
    .canonicalize = canonicalize<avx512_lanes>,
    .split = split<avx512_lanes>,
    .join = join<avx512_lanes>,
};

}  // namespace ballast::cpu
