// The 16-bit compute type of exact, bf16 and int8: the upper half of an fp32. A tag over its bits;
// arithmetic is done in fp32 after widening, by the kernels (kernels.hpp) and the matrix products
// (block_product.hpp).
#pragma once

#include <cstdint>

namespace ballast::tools {

struct bfloat16 {
  std::uint16_t bits;
};
static_assert(sizeof(bfloat16) == 2);

}  // namespace ballast::tools
