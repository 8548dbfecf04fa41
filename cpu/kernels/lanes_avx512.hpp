// AVX-512 (F, BW, DQ, VL): sixteen elements a vector.
//
// Intrinsics on batch data where xsimd 8.1 has no function: 8- and 16-bit values widened and
// narrowed, float to double, masks; its AVX-512 integer operations would also bring in functions of
// its AVX2 batches, which must not come from these translation units. Integer arithmetic is the
// compiler's own on vectors.
#pragma once

#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#include <cstddef>
#include <cstdint>

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
  using words = std::uint32_t __attribute__((vector_size(64)));
  using halves = __m512i;  ///< 32 16-bit halves: of two vectors of fp32
  using flags = __mmask32;
  static constexpr std::size_t width = 16;
  static constexpr std::size_t wide_width = 8;

  // Bits

  static words bits(real value) { return reinterpret_cast<words>(value.data); }
  static real real_of(words value) { return reinterpret_cast<__m512>(value); }
  static __m512i raw(words value) { return reinterpret_cast<__m512i>(value); }
  static words count() { return words{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
  static words larger(words a, words b) { return (words)_mm512_max_epu32(raw(a), raw(b)); }
  static words smaller(words a, words b) { return (words)_mm512_min_epu32(raw(a), raw(b)); }
  static std::uint32_t largest(words values) { return _mm512_reduce_max_epu32(raw(values)); }
  static words truncated(real value) { return (words)_mm512_cvttps_epi32(value); }
  static real to_real(words value) { return _mm512_cvtepi32_ps(raw(value)); }
  static bool any_word(words seen) { return _mm512_test_epi32_mask(raw(seen), raw(seen)) != 0; }

  static bool any_nan(real a, real b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) != 0; }
  /// One instruction chooses by class: NaNs of both kinds (fields 0 and 1 of the table) take the
  /// first operand, everything else the second.
  static real canonical(real value) {
    const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(0x7FC00000));
    return _mm512_fixupimm_ps(nan, value, _mm512_set1_epi32(0x11111100), 0);
  }

  // 16 bits

  static __m512i load_places(const places& from) { return _mm512_loadu_si512(from.taken); }
  static halves load_halves(const std::byte* from) { return _mm512_loadu_si512(from); }
  static void store_halves(std::byte* to, halves values) { _mm512_storeu_si512(to, values); }

  static void stream_halves(std::byte* to, halves values) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), values);
  }
  static void end_streams() { _mm_sfence(); }
  static halves high_halves(words first, words second) {
    return _mm512_permutex2var_epi16(raw(first), load_places(high_places), raw(second));
  }

  // bf16

  static real widen_bf16_low(halves values) {
    return _mm512_castsi512_ps(
        _mm512_permutex2var_epi16(_mm512_setzero_si512(), load_places(first_pairs), values));
  }
  static real widen_bf16_high(halves values) {
    return _mm512_castsi512_ps(
        _mm512_permutex2var_epi16(_mm512_setzero_si512(), load_places(second_pairs), values));
  }

  static void widen_bf16(halves values, real (&into)[2]) {
    into[0] = widen_bf16_low(values);
    into[1] = widen_bf16_high(values);
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
    return _mm512_permutex2var_epi16(raw(bits(first)), load_places(low_places), raw(bits(second)));
  }
  static halves plus_borrow(halves high, halves low) {
    return _mm512_sub_epi16(high, _mm512_srai_epi16(low, 15));
  }
  /// The weights: the high half of each, and one more where the low half is negative.
  static halves round_halves(real first, real second, halves low) {
    return plus_borrow(high_halves(bits(first), bits(second)), low);
  }

  // fp16

  static void widen_f16(halves values, real (&into)[2]) {
    into[0] = canonical(_mm512_cvtph_ps(_mm512_castsi512_si256(values)));
    into[1] = canonical(_mm512_cvtph_ps(_mm512_extracti32x8_epi32(values, 1)));
  }
  /// Shapes: NaNs are canonical, so theirs is 0x7E00
  static halves narrow_f16(real first, real second) {
    constexpr int to_nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    const __m512i low = _mm512_castsi256_si512(_mm512_cvtps_ph(first, to_nearest));
    return _mm512_inserti32x8(low, _mm512_cvtps_ph(second, to_nearest), 1);
  }

  // 8 bits

  static void load_bytes(const std::byte* from, words (&into)[2]) {
    const auto* packed = reinterpret_cast<const __m128i_u*>(from);
    into[0] = (words)_mm512_cvtepu8_epi32(_mm_loadu_si128(packed));
    into[1] = (words)_mm512_cvtepu8_epi32(_mm_loadu_si128(packed + 1));
  }
  static void load_signed_bytes(const std::byte* from, words (&into)[2]) {
    const auto* packed = reinterpret_cast<const __m128i_u*>(from);
    into[0] = (words)_mm512_cvtepi8_epi32(_mm_loadu_si128(packed));
    into[1] = (words)_mm512_cvtepi8_epi32(_mm_loadu_si128(packed + 1));
  }
  /// Bytes as the high ones of halves, and those of halves as bytes.
  static halves load_high_bytes(const std::byte* from) {
    const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from));
    return _mm512_slli_epi16(_mm512_cvtepu8_epi16(packed), 8);
  }
  static void store_high_bytes(std::byte* to, halves values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to),
                        _mm512_cvtepi16_epi8(_mm512_srli_epi16(values, 8)));
  }
  /// Bits 23 to 30 of each word; `at_least` is a lower bound of the unsigned bytes.
  static void store_codes(std::byte* to, words first, words second, char at_least) {
    const __m512i wide = _mm512_srai_epi16(high_halves(first, second), 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to),
                        _mm256_max_epu8(_mm512_cvtepi16_epi8(wide), _mm256_set1_epi8(at_least)));
  }

  // Findings

  static halves larger_magnitude(halves seen, halves values) {
    return _mm512_max_epi16(seen, _mm512_and_si512(values, _mm512_set1_epi16(0x7FFF)));
  }
  static bool any_from(halves values, short least) {
    return _mm512_cmpge_epi16_mask(values, _mm512_set1_epi16(least)) != 0;
  }
  /// A weight is infinite and not by itself: its residual is not zero.
  static void note_weight_overflow(flags& seen, halves weight, halves residual) {
    const __m512i magnitude = _mm512_and_si512(weight, _mm512_set1_epi16(0x7FFF));
    const __mmask32 infinite = _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(0x7F80));
    seen |= _mm512_mask_test_epi16_mask(infinite, residual, residual);
  }
  static void note_infinite(flags& seen, halves weight) {
    const __m512i magnitude = _mm512_and_si512(weight, _mm512_set1_epi16(0x7FFF));
    seen |= _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(0x7F80));
  }
  static void note_not_finite(flags& seen, real value) {
    const __m512i exponent = _mm512_set1_epi32(0x7F800000);
    seen |= _mm512_cmpeq_epi32_mask(_mm512_and_si512(raw(bits(value)), exponent), exponent);
  }
  static bool any(flags seen) { return seen != 0; }

  // Doubles

  static wide multiply_add(wide a, wide b, wide c) { return _mm512_fmadd_pd(a, b, c); }
  static wide load_wide(const float* from) { return _mm512_cvtps_pd(_mm256_loadu_ps(from)); }
  static wide widen_low(real values) { return _mm512_cvtps_pd(_mm512_castps512_ps256(values)); }
  static wide widen_high(real values) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1)); }
  static real narrow(wide low, wide high) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high),
                              1);
  }
};

}  // namespace
}  // namespace ballast::cpu
