// AVX2 with F16C: eight elements a vector. Intrinsics on batch data where xsimd 8.1 has no
// function: 8- and 16-bit values widened and narrowed, float to double. Integer arithmetic is the
// compiler's own on vectors.
//
// Pairs of 128-bit lanes: unpacking works inside a lane, so quarters are swapped before it and
// after packing (in_order).
#pragma once

#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#include <cstddef>
#include <cstdint>

namespace ballast::cpu {
namespace {

struct avx2_lanes {
  using real = xsimd::batch<float, xsimd::avx2>;
  using wide = xsimd::batch<double, xsimd::avx2>;
  using words = std::uint32_t __attribute__((vector_size(32)));
  using signed_words = std::int32_t __attribute__((vector_size(32)));
  using halves = __m256i;  ///< sixteen 16-bit halves: of two vectors of fp32
  using flags = __m256i;   ///< all bits of a lane are set once it has been seen
  static constexpr std::size_t width = 8;
  static constexpr std::size_t wide_width = 4;

  // Bits

  static words bits(real value) { return reinterpret_cast<words>(value.data); }
  static real real_of(words value) { return reinterpret_cast<__m256>(value); }
  static __m256i raw(words value) { return reinterpret_cast<__m256i>(value); }
  static words count() { return words{0, 1, 2, 3, 4, 5, 6, 7}; }
  static words larger(words a, words b) { return (words)_mm256_max_epu32(raw(a), raw(b)); }
  static words smaller(words a, words b) { return (words)_mm256_min_epu32(raw(a), raw(b)); }
  static std::uint32_t largest(words values) {
    std::uint32_t found = 0;
    for (std::size_t i = 0; i < width; ++i) found = values[i] > found ? values[i] : found;
    return found;
  }
  static words truncated(real value) { return (words)_mm256_cvttps_epi32(value); }
  static real to_real(words value) { return _mm256_cvtepi32_ps(raw(value)); }
  static bool any_word(words seen) { return _mm256_movemask_epi8(raw(seen)) != 0; }

  static bool any_nan(real a, real b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q)) != 0;
  }
  static real canonical(real value) {
    const __m256 is_nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    return _mm256_blendv_ps(value, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FC00000)), is_nan);
  }

  // 16 bits

  static halves in_order(halves values) { return _mm256_permute4x64_epi64(values, 0xD8); }
  static halves load_halves(const std::byte* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from));
  }
  static void store_halves(std::byte* to, halves values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to), values);
  }
  static void stream_halves(std::byte* to, halves values) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), values);
  }
  static void end_streams() { _mm_sfence(); }
  static halves high_halves(words first, words second) {
    return in_order(_mm256_packus_epi32(raw(first >> 16), raw(second >> 16)));
  }

  // bf16

  static real widen_bf16_low(halves values) {
    return _mm256_castsi256_ps(_mm256_unpacklo_epi16(_mm256_setzero_si256(), in_order(values)));
  }
  static real widen_bf16_high(halves values) {
    return _mm256_castsi256_ps(_mm256_unpackhi_epi16(_mm256_setzero_si256(), in_order(values)));
  }
  static void widen_bf16(halves values, real (&into)[2]) {
    into[0] = widen_bf16_low(values);
    into[1] = widen_bf16_high(values);
  }
  /// (weight << 16) + residual: a negative residual borrows one from the weight.
  static void join(halves weight, halves residual, real (&masters)[2]) {
    const __m256i low = in_order(residual);
    const __m256i high = _mm256_add_epi16(in_order(weight), _mm256_srai_epi16(low, 15));
    masters[0] = _mm256_castsi256_ps(_mm256_unpacklo_epi16(low, high));
    masters[1] = _mm256_castsi256_ps(_mm256_unpackhi_epi16(low, high));
  }
  /// The residuals: the low half of each.
  static halves low_halves(real first, real second) {
    return in_order(_mm256_packus_epi32(raw(bits(first) & 0xFFFFu), raw(bits(second) & 0xFFFFu)));
  }
  static halves plus_borrow(halves high, halves low) {
    return _mm256_sub_epi16(high, _mm256_srai_epi16(low, 15));
  }
  /// The weights: the high half of each, and one more where the low half is negative.
  static halves round_halves(real first, real second, halves low) {
    return plus_borrow(high_halves(bits(first), bits(second)), low);
  }

  // fp16

  static void widen_f16(halves values, real (&into)[2]) {
    into[0] = canonical(_mm256_cvtph_ps(_mm256_castsi256_si128(values)));
    into[1] = canonical(_mm256_cvtph_ps(_mm256_extracti128_si256(values, 1)));
  }
  /// Shapes: NaNs are canonical, so theirs is 0x7E00
  static halves narrow_f16(real first, real second) {
    constexpr int to_nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return _mm256_set_m128i(_mm256_cvtps_ph(second, to_nearest),
                            _mm256_cvtps_ph(first, to_nearest));
  }

  // 8 bits

  static void load_bytes(const std::byte* from, words (&into)[2]) {
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
    into[0] = (words)_mm256_cvtepu8_epi32(packed);
    into[1] = (words)_mm256_cvtepu8_epi32(_mm_srli_si128(packed, 8));
  }
  static void load_signed_bytes(const std::byte* from, words (&into)[2]) {
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
    into[0] = (words)_mm256_cvtepi8_epi32(packed);
    into[1] = (words)_mm256_cvtepi8_epi32(_mm_srli_si128(packed, 8));
  }
  /// Bytes as the high ones of halves, and those of halves as bytes.
  static halves load_high_bytes(const std::byte* from) {
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
    return _mm256_slli_epi16(_mm256_cvtepu8_epi16(packed), 8);
  }
  static void store_high_bytes(std::byte* to, halves values) {
    const __m256i high = _mm256_srli_epi16(values, 8);
    _mm_storeu_si128(
        reinterpret_cast<__m128i_u*>(to),
        _mm_packus_epi16(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1)));
  }
  /// Bits 23 to 30 of each word; `at_least` is a lower bound of the unsigned bytes.
  static void store_codes(std::byte* to, words first, words second, char at_least) {
    const __m256i wide = _mm256_srai_epi16(high_halves(first, second), 7);
    const __m256i bytes = _mm256_and_si256(wide, _mm256_set1_epi16(0xFF));
    const __m128i packed =
        _mm_packus_epi16(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to),
                     _mm_max_epu8(packed, _mm_set1_epi8(at_least)));
  }

  // Findings

  static halves larger_magnitude(halves seen, halves values) {
    return _mm256_max_epi16(seen, _mm256_and_si256(values, _mm256_set1_epi16(0x7FFF)));
  }
  static bool any_from(halves values, short least) {
    return _mm256_movemask_epi8(
               _mm256_cmpgt_epi16(values, _mm256_set1_epi16(static_cast<short>(least - 1)))) != 0;
  }
  /// A weight is infinite and not by itself: its residual is not zero.
  static void note_weight_overflow(flags& seen, halves weight, halves residual) {
    const __m256i magnitude = _mm256_and_si256(weight, _mm256_set1_epi16(0x7FFF));
    const __m256i infinite = _mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x7F80));
    const __m256i itself = _mm256_cmpeq_epi16(residual, _mm256_setzero_si256());
    seen = _mm256_or_si256(seen, _mm256_andnot_si256(itself, infinite));
  }
  static void note_infinite(flags& seen, halves weight) {
    const __m256i magnitude = _mm256_and_si256(weight, _mm256_set1_epi16(0x7FFF));
    seen = _mm256_or_si256(seen, _mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x7F80)));
  }
  static void note_not_finite(flags& seen, real value) {
    const __m256i exponent = _mm256_set1_epi32(0x7F800000);
    const __m256i found = _mm256_and_si256(raw(bits(value)), exponent);
    seen = _mm256_or_si256(seen, _mm256_cmpeq_epi32(found, exponent));
  }
  static bool any(flags seen) { return _mm256_movemask_epi8(seen) != 0; }

  // Doubles

  static wide multiply_add(wide a, wide b, wide c) { return _mm256_fmadd_pd(a, b, c); }
  static wide load_wide(const float* from) { return _mm256_cvtps_pd(_mm_loadu_ps(from)); }
  static wide widen_low(real values) { return _mm256_cvtps_pd(_mm256_castps256_ps128(values)); }
  static wide widen_high(real values) { return _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)); }
  static real narrow(wide low, wide high) {
    return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
  }
};

}  // namespace
}  // namespace ballast::cpu
