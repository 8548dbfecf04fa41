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
  using words = __m128i;
  using flags = __m128i;  ///< all bits of a lane are set once it has been seen
  static constexpr std::size_t width = 4;
  static constexpr std::size_t wide_width = 2;

  static words bits(real value) { return _mm_castps_si128(value); }

  static real canonical(real value) {
    const __m128 is_nan = _mm_cmpunord_ps(value, value);
    const __m128 nan = _mm_castsi128_ps(_mm_set1_epi32(0x7FC00000));
    return _mm_or_ps(_mm_andnot_ps(is_nan, value), _mm_and_ps(is_nan, nan));
  }

  /// Four 16-bit halves, sign-extended.
  static words load_halves(const std::byte* from) {
    const __m128i halves = _mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(from));
    return _mm_srai_epi32(_mm_unpacklo_epi16(halves, halves), 16);
  }
  /// Shapes: every word is in the range of int16, so that the saturating pack keeps it
  static void store_halves(std::byte* to, words values) {
    _mm_storel_epi64(reinterpret_cast<__m128i_u*>(to), _mm_packs_epi32(values, values));
  }

  static words weight_of(real master) {
    return _mm_srai_epi32(_mm_add_epi32(bits(master), _mm_set1_epi32(0x8000)), 16);
  }
  static words residual_of(real master) {
    return _mm_srai_epi32(_mm_slli_epi32(bits(master), 16), 16);
  }
  static real join(words weight, words residual) {
    return _mm_castsi128_ps(_mm_add_epi32(_mm_slli_epi32(weight, 16), residual));
  }
  static real widen_bf16(words half) { return _mm_castsi128_ps(_mm_slli_epi32(half, 16)); }

  static void note_weight_overflow(flags& seen, real value) {
    const __m128i magnitude = _mm_and_si128(bits(value), _mm_set1_epi32(0x7FFFFFFF));
    const __m128i large = _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7F7F7FFF));
    const __m128i finite = _mm_cmpgt_epi32(_mm_set1_epi32(0x7F800000), magnitude);
    seen = _mm_or_si128(seen, _mm_and_si128(large, finite));
  }
  static void note_not_finite(flags& seen, real value) {
    const __m128i exponent = _mm_set1_epi32(0x7F800000);
    seen = _mm_or_si128(seen, _mm_cmpeq_epi32(_mm_and_si128(bits(value), exponent), exponent));
  }
  static bool any(flags seen) { return _mm_movemask_epi8(seen) != 0; }

  static wide widen_low(real values) { return _mm_cvtps_pd(values); }
  static wide widen_high(real values) { return _mm_cvtps_pd(_mm_movehl_ps(values, values)); }
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
