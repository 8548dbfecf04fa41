#include <immintrin.h>

#include "comm/sum_loops_body.hpp"

namespace ballast::comm {
namespace {

struct lanes {
  using vector = __m128i;

  static vector load(const std::byte* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }
  static void stream(std::byte* at, vector value) {
    _mm_stream_si128(reinterpret_cast<vector*>(at), value);
  }
  static void fence() { _mm_sfence(); }
};

}  // namespace

const sum_loops sse2_sums = all_sums<lanes>;

}  // namespace ballast::comm
