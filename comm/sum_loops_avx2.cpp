#include <immintrin.h>

#include "comm/sum_loops_body.hpp"

namespace ballast::comm {
namespace {

struct lanes {
  using vector = __m256i;

  static vector load(const std::byte* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
  static void stream(std::byte* at, vector value) {
    _mm256_stream_si256(reinterpret_cast<vector*>(at), value);
  }
  static void fence() { _mm_sfence(); }
};

}  // namespace

const sum_loops avx2_sums = all_sums<lanes>;

}  // namespace ballast::comm
