#include <immintrin.h>

#include "tools/bench/traffic_loops.hpp"

namespace ballast::tools {
namespace {

struct lanes {
  using vector = __m256i;

  static vector zero() { return _mm256_setzero_si256(); }
  static vector load(const std::byte* at) {
    return _mm256_load_si256(reinterpret_cast<const vector*>(at));
  }
  static void store(std::byte* at, vector value) {
    _mm256_store_si256(reinterpret_cast<vector*>(at), value);
  }
  static void stream(std::byte* at, vector value) {
    _mm256_stream_si256(reinterpret_cast<vector*>(at), value);
  }
  static void fence() { _mm_sfence(); }
  /// The last bit of every 64: whatever it is part of stays what it was, nearly.
  static vector flip(vector value) { return _mm256_xor_si256(value, _mm256_set1_epi64x(1)); }
  static vector mix(vector a, vector b) { return _mm256_xor_si256(a, b); }
  static vector scaled_sum(vector a, vector b) {
    return _mm256_castps_si256(_mm256_add_ps(
        _mm256_castsi256_ps(a), _mm256_mul_ps(_mm256_castsi256_ps(b), _mm256_set1_ps(3.0f))));
  }
  static vector root_and_quotient(vector m, vector v) {
    const auto root = _mm256_sqrt_ps(_mm256_castsi256_ps(v));
    return _mm256_castps_si256(
        _mm256_div_ps(_mm256_castsi256_ps(m), _mm256_add_ps(root, _mm256_set1_ps(floor_epsilon))));
  }
};

}  // namespace

const traffic_table avx2_traffic = table_of<lanes>;

}  // namespace ballast::tools
