#include <immintrin.h>

#include "comm/sum_loops_body.hpp"

namespace ballast::comm {
namespace {

struct lanes {
  using vector = __m512i;

  static vector load(const std::byte* at) {
    return _mm512_loadu_si512(reinterpret_cast<const __m512i*>(at));
  }
  static void stream(std::byte* at, vector value) {
    _mm512_stream_si512(reinterpret_cast<vector*>(at), value);
  }
  static void fence() { _mm_sfence(); }
};

}  // namespace

const sum_loops avx512_sums = all_sums<lanes>;

}  // namespace ballast::comm
