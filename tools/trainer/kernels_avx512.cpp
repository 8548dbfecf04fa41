#include "tools/trainer/kernels_body.hpp"

namespace ballast::tools {

extern const kernel_table<float> kernels_avx512_f32 = make_table<float>("avx512");
extern const kernel_table<bfloat16> kernels_avx512_bf16 = make_table<bfloat16>("avx512");
extern const kernel_table<float16> kernels_avx512_f16 = make_table<float16>("avx512");

}  // namespace ballast::tools
