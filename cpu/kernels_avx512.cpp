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

struct avx512_lanes {
  using real = xsimd::batch<float, xsimd::avx512f>;
  using wide = xsimd::batch<double, xsimd::avx512f>;
  using words = __m512i;
  using flags = __mmask16;
  static constexpr std::size_t width = 16;
  static constexpr std::size_t wide_width = 8;

  static words bits(real value) { return _mm512_castps_si512(value); }

  static real canonical(real value) {
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    return _mm512_castsi512_ps(_mm512_mask_set1_epi32(bits(value), is_nan, 0x7FC00000));
  }

  /// Sixteen 16-bit halves, sign-extended.
  static words load_halves(const std::byte* from) {
    return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from)));
  }
  static void store_halves(std::byte* to, words values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to), _mm512_cvtepi32_epi16(values));
  }

  static words weight_of(real master) {
    return _mm512_srai_epi32(_mm512_add_epi32(bits(master), _mm512_set1_epi32(0x8000)), 16);
  }
  /// The low halves are the residuals: store_halves() keeps nothing else.
  static words residual_of(real master) { return bits(master); }
  static real join(words weight, words residual) {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(weight, 16), residual));
  }
  static real widen_bf16(words half) { return _mm512_castsi512_ps(_mm512_slli_epi32(half, 16)); }

  static void note_weight_overflow(flags& seen, real value) {
    const __m512i magnitude = _mm512_and_si512(bits(value), _mm512_set1_epi32(0x7FFFFFFF));
    const __mmask16 large = _mm512_cmpgt_epi32_mask(magnitude, _mm512_set1_epi32(0x7F7F7FFF));
    const __mmask16 finite =
        _mm512_mask_cmplt_epi32_mask(large, magnitude, _mm512_set1_epi32(0x7F800000));
    seen = static_cast<flags>(seen | finite);
  }
  static void note_not_finite(flags& seen, real value) {
    const __m512i exponent = _mm512_set1_epi32(0x7F800000);
    const __m512i own = _mm512_and_si512(bits(value), exponent);
    seen = static_cast<flags>(seen | _mm512_cmpeq_epi32_mask(own, exponent));
  }
  static bool any(flags seen) { return seen != 0; }

  static wide widen_low(real values) { return _mm512_cvtps_pd(_mm512_castps512_ps256(values)); }
  static wide widen_high(real values) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1)); }
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
