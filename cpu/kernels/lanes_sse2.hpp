// SSE2: four elements a vector. Intrinsics on batch data where xsimd 8.1 has no function: 8- and
// 16-bit values widened and narrowed, float to double, and integer work whose xsimd form is several
// instructions on SSE2. Integer arithmetic is the compiler's own on vectors.
#pragma once

#include <emmintrin.h>

#include <xsimd/xsimd.hpp>

#include <cstddef>
#include <cstdint>

namespace ballast::cpu {
namespace {

struct sse2_lanes {
  using real = xsimd::batch<float, xsimd::sse2>;
  using wide = xsimd::batch<double, xsimd::sse2>;
  using words = std::uint32_t __attribute__((vector_size(16)));
  using signed_words = std::int32_t __attribute__((vector_size(16)));
  using halves = __m128i;  ///< eight 16-bit halves: of two vectors of fp32
  using flags = __m128i;   ///< all bits of a lane are set once it has been seen
  static constexpr std::size_t width = 4;
  static constexpr std::size_t wide_width = 2;

  // Bits

  static words bits(real value) { return reinterpret_cast<words>(value.data); }
  static real real_of(words value) { return reinterpret_cast<__m128>(value); }
  static __m128i raw(words value) { return reinterpret_cast<__m128i>(value); }
  static words count() { return words{0, 1, 2, 3}; }
  static words larger(words a, words b) { return a > b ? a : b; }
  static words smaller(words a, words b) { return a < b ? a : b; }
  static std::uint32_t largest(words values) {
    std::uint32_t found = 0;
    for (std::size_t i = 0; i < width; ++i) found = values[i] > found ? values[i] : found;
    return found;
  }
  static words truncated(real value) { return (words)_mm_cvttps_epi32(value); }
  static real to_real(words value) { return _mm_cvtepi32_ps(raw(value)); }
  static bool any_word(words seen) { return _mm_movemask_epi8(raw(seen)) != 0; }

  static bool any_nan(real a, real b) { return _mm_movemask_ps(_mm_cmpunord_ps(a, b)) != 0; }
  static real canonical(real value) {
    const __m128 is_nan = _mm_cmpunord_ps(value, value);
    const __m128 nan = _mm_castsi128_ps(_mm_set1_epi32(0x7FC00000));
    return _mm_or_ps(_mm_andnot_ps(is_nan, value), _mm_and_ps(is_nan, nan));
  }

  // 16 bits

  static halves load_halves(const std::byte* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
  }
  static void store_halves(std::byte* to, halves values) {
    _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to), values);
  }
  static void stream_halves(std::byte* to, halves values) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), values);
  }
  static void end_streams() { _mm_sfence(); }
  static void widen_halves(halves values, words (&into)[2]) {
    into[0] = (words)_mm_unpacklo_epi16(values, _mm_setzero_si128());
    into[1] = (words)_mm_unpackhi_epi16(values, _mm_setzero_si128());
  }
  /// Of each word; sign-extended first, so that the saturating pack keeps them.
  static halves low_of(words first, words second) {
    return _mm_packs_epi32(_mm_srai_epi32(_mm_slli_epi32(raw(first), 16), 16),
                           _mm_srai_epi32(_mm_slli_epi32(raw(second), 16), 16));
  }
  static halves high_halves(words first, words second) {
    return _mm_packs_epi32(_mm_srai_epi32(raw(first), 16), _mm_srai_epi32(raw(second), 16));
  }

  // bf16

  static real widen_bf16_low(halves values) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), values));
  }
  static real widen_bf16_high(halves values) {
    return _mm_castsi128_ps(_mm_unpackhi_epi16(_mm_setzero_si128(), values));
  }
  static void widen_bf16(halves values, real (&into)[2]) {
    into[0] = widen_bf16_low(values);
    into[1] = widen_bf16_high(values);
  }
  /// (weight << 16) + residual: a negative residual borrows one from the weight.
  static void join(halves weight, halves residual, real (&masters)[2]) {
    const __m128i high = _mm_add_epi16(weight, _mm_srai_epi16(residual, 15));
    masters[0] = _mm_castsi128_ps(_mm_unpacklo_epi16(residual, high));
    masters[1] = _mm_castsi128_ps(_mm_unpackhi_epi16(residual, high));
  }
  /// The residuals: the low half of each.
  static halves low_halves(real first, real second) { return low_of(bits(first), bits(second)); }
  static halves plus_borrow(halves high, halves low) {
    return _mm_sub_epi16(high, _mm_srai_epi16(low, 15));
  }
  /// The weights: the high half of each, and one more where the low half is negative.
  static halves round_halves(real first, real second, halves low) {
    return plus_borrow(high_halves(bits(first), bits(second)), low);
  }

  // fp16: no instruction before F16C. The steps of arithmetic::widen_f16 and round_to_f16.

  static words selected(words mask, words yes, words no) { return (mask & yes) | (~mask & no); }
  static real widen_f16_words(words half) {
    const words rest = half & 0x7FFFu;
    const words normal = (rest << 13) + ((127u - 15u) << 23);
    const words subnormal = bits(to_real(rest) * real(0x1p-24f));
    words value = selected((words)(rest < 0x0400u), subnormal, normal);
    value = selected((words)(rest >= 0x7C00u), words{} + 0x7F800000u, value);
    value |= (half & 0x8000u) << 16;
    return real_of(selected((words)(rest > 0x7C00u), words{} + 0x7FC00000u, value));
  }
  static void widen_f16(halves values, real (&into)[2]) {
    words half[2];
    widen_halves(values, half);
    into[0] = widen_f16_words(half[0]);
    into[1] = widen_f16_words(half[1]);
  }
  static words narrow_f16_words(real value) {
    const words rest = bits(value) & 0x7FFFFFFFu;
    const words subnormal = bits(real_of(rest) + real(0.5f)) - 0x3F000000u;
    words rounded = (rest + 0x0FFFu + ((rest >> 13) & 1u) - ((127u - 15u) << 23)) >> 13;
    rounded = selected((words)(rest >= 0x47800000u), words{} + 0x7C00u, rounded);
    rounded = selected((words)(rest < 0x38800000u), subnormal, rounded);
    rounded |= (bits(value) >> 16) & 0x8000u;
    return selected((words)(rest > 0x7F800000u), words{} + 0x7E00u, rounded);
  }
  static halves narrow_f16(real first, real second) {
    return low_of(narrow_f16_words(first), narrow_f16_words(second));
  }

  // 8 bits

  static void load_bytes(const std::byte* from, words (&into)[2]) {
    const __m128i packed = _mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(from));
    widen_halves(_mm_unpacklo_epi8(packed, _mm_setzero_si128()), into);
  }
  static void load_signed_bytes(const std::byte* from, words (&into)[2]) {
    const __m128i packed = _mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(from));
    const __m128i high = _mm_unpacklo_epi8(_mm_setzero_si128(), packed);
    into[0] = (words)_mm_srai_epi32(_mm_unpacklo_epi16(_mm_setzero_si128(), high), 24);
    into[1] = (words)_mm_srai_epi32(_mm_unpackhi_epi16(_mm_setzero_si128(), high), 24);
  }
  /// Bytes as the high ones of halves, and those of halves as bytes.
  static halves load_high_bytes(const std::byte* from) {
    const __m128i packed = _mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(from));
    return _mm_unpacklo_epi8(_mm_setzero_si128(), packed);
  }
  static void store_high_bytes(std::byte* to, halves values) {
    const __m128i high = _mm_srli_epi16(values, 8);
    _mm_storel_epi64(reinterpret_cast<__m128i_u*>(to), _mm_packus_epi16(high, high));
  }
  /// Bits 23 to 30 of each word; `at_least` is a lower bound of the unsigned bytes.
  static void store_codes(std::byte* to, words first, words second, char at_least) {
    const __m128i wide = _mm_srai_epi16(high_halves(first, second), 7);
    const __m128i bytes = _mm_and_si128(wide, _mm_set1_epi16(0xFF));
    const __m128i packed = _mm_packus_epi16(bytes, bytes);
    _mm_storel_epi64(reinterpret_cast<__m128i_u*>(to),
                     _mm_max_epu8(packed, _mm_set1_epi8(at_least)));
  }

  // Findings

  static halves larger_magnitude(halves seen, halves values) {
    return _mm_max_epi16(seen, _mm_and_si128(values, _mm_set1_epi16(0x7FFF)));
  }
  static bool any_from(halves values, short least) {
    return _mm_movemask_epi8(
               _mm_cmpgt_epi16(values, _mm_set1_epi16(static_cast<short>(least - 1)))) != 0;
  }
  /// A weight is infinite and not by itself: its residual is not zero.
  static void note_weight_overflow(flags& seen, halves weight, halves residual) {
    const __m128i magnitude = _mm_and_si128(weight, _mm_set1_epi16(0x7FFF));
    const __m128i infinite = _mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7F80));
    const __m128i itself = _mm_cmpeq_epi16(residual, _mm_setzero_si128());
    seen = _mm_or_si128(seen, _mm_andnot_si128(itself, infinite));
  }
  static void note_infinite(flags& seen, halves weight) {
    const __m128i magnitude = _mm_and_si128(weight, _mm_set1_epi16(0x7FFF));
    seen = _mm_or_si128(seen, _mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7F80)));
  }
  static void note_not_finite(flags& seen, real value) {
    const __m128i exponent = _mm_set1_epi32(0x7F800000);
    seen = _mm_or_si128(seen, _mm_cmpeq_epi32(_mm_and_si128(raw(bits(value)), exponent), exponent));
  }
  static bool any(flags seen) { return _mm_movemask_epi8(seen) != 0; }

  // Doubles

  static wide multiply_add(wide a, wide b, wide c) { return a * b + c; }
  static wide load_wide(const float* from) {
    return _mm_cvtps_pd(
        _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(from))));
  }
  static wide widen_low(real values) { return _mm_cvtps_pd(values); }
  static wide widen_high(real values) { return _mm_cvtps_pd(_mm_movehl_ps(values, values)); }
  static real narrow(wide low, wide high) {
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
  }
};

}  // namespace
}  // namespace ballast::cpu
