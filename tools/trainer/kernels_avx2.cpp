#include "tools/trainer/kernels_body.hpp"

namespace ballast::tools {

extern const kernel_table<float> kernels_avx2_f32 = make_table<float>("avx2");
extern const kernel_table<bfloat16> kernels_avx2_bf16 = make_table<bfloat16>("avx2");
extern const kernel_table<float16> kernels_avx2_f16 = make_table<float16>("avx2");

}  // namespace ballast::tools
