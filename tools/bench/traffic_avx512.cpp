#include <immintrin.h>

#include "tools/bench/traffic_loops.hpp"

namespace ballast::tools {
namespace {

struct lanes {
  using vector = __m512i;

  static vector zero() { return _mm512_setzero_si512(); }
  static vector load(const std::byte* at) {
    return _mm512_load_si512(reinterpret_cast<const vector*>(at));
  }
  static void store(std::byte* at, vector value) {
    _mm512_store_si512(reinterpret_cast<vector*>(at), value);
  }
  static void stream(std::byte* at, vector value) {
    _mm512_stream_si512(reinterpret_cast<vector*>(at), value);
  }
  static void fence() { _mm_sfence(); }
  /// The last bit of every 64: whatever it is part of stays what it was, nearly.
  static vector flip(vector value) { return _mm512_xor_si512(value, _mm512_set1_epi64(1)); }
  static vector mix(vector a, vector b) { return _mm512_xor_si512(a, b); }
  static vector scaled_sum(vector a, vector b) {
    return _mm512_castps_si512(_mm512_add_ps(
        _mm512_castsi512_ps(a), _mm512_mul_ps(_mm512_castsi512_ps(b), _mm512_set1_ps(3.0f))));
  }
  static vector root_and_quotient(vector m, vector v) {
    const auto root = _mm512_sqrt_ps(_mm512_castsi512_ps(v));
    return _mm512_castps_si512(
        _mm512_div_ps(_mm512_castsi512_ps(m), _mm512_add_ps(root, _mm512_set1_ps(floor_epsilon))));
  }
};

}  // namespace

const traffic_table avx512_traffic = table_of<lanes>;

}  // namespace ballast::tools
