// The kernels for every x86-64.
#include <cpu/kernels/lanes_sse2.hpp>
// The lanes come first: what follows is written on them.
#include <cpu/kernels/instantiate.hpp>

namespace ballast::cpu {

extern constexpr kernel_table sse2_kernels = make_table<sse2_lanes>();

}  // namespace ballast::cpu
