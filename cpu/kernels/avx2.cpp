// The kernels for AVX2 and F16C; run only where instruction_sets.cpp has found both.
#include <cpu/kernels/lanes_avx2.hpp>
// The lanes come first: what follows is written on them.
#include <cpu/kernels/instantiate.hpp>

namespace ballast::cpu {

extern constexpr kernel_table avx2_kernels = make_table<avx2_lanes>();

}  // namespace ballast::cpu
