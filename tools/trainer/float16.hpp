// The 16-bit compute type of fp16: an IEEE half as bits, no more than a tag. Arithmetic is done in
// fp32 after widening, by the kernels (kernels.hpp) and the matrix products (block_product.hpp).
#pragma once

#include <cstdint>

namespace ballast::tools {

struct float16 {
  std::uint16_t bits;
};
static_assert(sizeof(float16) == 2);

}  // namespace ballast::tools
