// The kernels for every x86-64: SSE2, four elements a vector.
//
// Intrinsics on batch data where xsimd 8.1 has no function: 16-bit halves widened and narrowed,
// float to double, and integer work whose xsimd form is several instructions on SSE2.
#include <emmintrin.h>

#include <xsimd/xsimd.hpp>

#include <cpu/adamw_kernels.hpp>
#include <cpu/conversion_kernels.hpp>

namespace ballast::cpu {
namespace {

struct sse2_lanes {
  using real = xsimd::batch<float, xsimd::sse2>;
  using wide = xsimd::batch<double, xsimd::sse2>;
  using halves = __m128i;  ///< eight 16-bit halves: of two vectors of fp32
  using flags = __m128i;   ///< all bits of a lane are set once it has been seen
  static constexpr std::size_t width = 4;
  static constexpr std::size_t wide_width = 2;

  static __m128i bits(real value) { return _mm_castps_si128(value); }

  static real canonical(real value) {
    const __m128 is_nan = _mm_cmpunord_ps(value, value);
    const __m128 nan = _mm_castsi128_ps(_mm_set1_epi32(0x7FC00000));
    return _mm_or_ps(_mm_andnot_ps(is_nan, value), _mm_and_ps(is_nan, nan));
  }

  static halves load_halves(const std::byte* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
  }
  static void store_halves(std::byte* to, halves values) {
    _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to), values);
  }

  static real widen_bf16_low(halves values) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), values));
  }
  static real widen_bf16_high(halves values) {
    return _mm_castsi128_ps(_mm_unpackhi_epi16(_mm_setzero_si128(), values));
  }

  /// (weight << 16) + residual: a negative residual borrows one from the weight.
  static void join(halves weight, halves residual, real (&masters)[2]) {
    const __m128i high = _mm_add_epi16(weight, _mm_srai_epi16(residual, 15));
    masters[0] = _mm_castsi128_ps(_mm_unpacklo_epi16(residual, high));
    masters[1] = _mm_castsi128_ps(_mm_unpackhi_epi16(residual, high));
  }
  /// The residuals: the low half of each. Sign-extended, so that the saturating pack keeps them.
  static halves low_halves(real first, real second) {
    return _mm_packs_epi32(_mm_srai_epi32(_mm_slli_epi32(bits(first), 16), 16),
                           _mm_srai_epi32(_mm_slli_epi32(bits(second), 16), 16));
  }
  /// The weights: the high half of each, and one more where the low half is negative.
  static halves round_halves(real first, real second, halves low) {
    const __m128i high =
        _mm_packs_epi32(_mm_srai_epi32(bits(first), 16), _mm_srai_epi32(bits(second), 16));
    return _mm_sub_epi16(high, _mm_srai_epi16(low, 15));
  }

  /// A weight is infinite and not by itself: its residual is not zero.
  static void note_weight_overflow(flags& seen, halves weight, halves residual) {
    const __m128i magnitude = _mm_and_si128(weight, _mm_set1_epi16(0x7FFF));
    const __m128i infinite = _mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7F80));
    const __m128i itself = _mm_cmpeq_epi16(residual, _mm_setzero_si128());
    seen = _mm_or_si128(seen, _mm_andnot_si128(itself, infinite));
  }
  static void note_not_finite(flags& seen, real value) {
    const __m128i exponent = _mm_set1_epi32(0x7F800000);
    seen = _mm_or_si128(seen, _mm_cmpeq_epi32(_mm_and_si128(bits(value), exponent), exponent));
  }
  static bool any(flags seen) { return _mm_movemask_epi8(seen) != 0; }

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

extern constexpr kernel_table baseline_kernels = {
    .adamw_fp32 = adamw_fp32<sse2_lanes>,
    .adamw_exact = adamw_exact<sse2_lanes>,
    .encode_f32 = encode<sse2_lanes, false>,
    .encode_bf16 = encode<sse2_lanes, true>,
    .accumulate = accumulate<sse2_lanes>,
    .canonicalize = canonicalize<sse2_lanes>,
    .split = split<sse2_lanes>,
    .join = join<sse2_lanes>,
};

}  // namespace ballast::cpu
