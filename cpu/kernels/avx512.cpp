// The kernels for AVX-512 (F, BW, DQ, VL); run only where instruction_sets.cpp has found it.
#include <cpu/kernels/lanes_avx512.hpp>
// The lanes come first: what follows is written on them.
#include <cpu/kernels/instantiate.hpp>

namespace ballast::cpu {

extern constexpr kernel_table avx512_kernels = make_table<avx512_lanes>();

}  // namespace ballast::cpu
