// The floating-point mode in which every kernel and the scalar reference run: round to nearest
// even, no flush to zero, no denormals-are-zero, exceptions masked. A library built with fast-math
// leaves other modes behind in its process; results must not depend on that.
//
// A scope guard for one thread: it restores the caller's mode, sticky exception flags included.
#pragma once

#include <immintrin.h>

namespace ballast::cpu {

class default_floating_point {
 public:
  default_floating_point() : callers_(_mm_getcsr()) { _mm_setcsr(power_on_value); }
  ~default_floating_point() { _mm_setcsr(callers_); }
  default_floating_point(const default_floating_point&) = delete;
  default_floating_point& operator=(const default_floating_point&) = delete;

 private:
  static constexpr unsigned power_on_value =
      0x1F80;  ///< MXCSR after reset, Intel SDM volume 1, 10.2.3
  unsigned callers_;
};

}  // namespace ballast::cpu
