#include <immintrin.h>

#include "tools/bench/traffic_loops.hpp"

namespace ballast::tools {
namespace {

struct lanes {
  using vector = __m128i;

  static vector zero() { return _mm_setzero_si128(); }
  static vector load(const std::byte* at) {
    return _mm_load_si128(reinterpret_cast<const vector*>(at));
  }
  static void store(std::byte* at, vector value) {
    _mm_store_si128(reinterpret_cast<vector*>(at), value);
  }
  static void stream(std::byte* at, vector value) {
    _mm_stream_si128(reinterpret_cast<vector*>(at), value);
  }
  static void fence() { _mm_sfence(); }
  /// The last bit of every 64: whatever it is part of stays what it was, nearly.
  static vector flip(vector value) { return _mm_xor_si128(value, _mm_set1_epi64x(1)); }
  static vector mix(vector a, vector b) { return _mm_xor_si128(a, b); }
  static vector scaled_sum(vector a, vector b) {
    return _mm_castps_si128(
        _mm_add_ps(_mm_castsi128_ps(a), _mm_mul_ps(_mm_castsi128_ps(b), _mm_set1_ps(3.0f))));
  }
  static vector root_and_quotient(vector m, vector v) {
    const auto root = _mm_sqrt_ps(_mm_castsi128_ps(v));
    return _mm_castps_si128(
        _mm_div_ps(_mm_castsi128_ps(m), _mm_add_ps(root, _mm_set1_ps(floor_epsilon))));
  }
};

}  // namespace

const traffic_table sse2_traffic = table_of<lanes>;

}  // namespace ballast::tools
