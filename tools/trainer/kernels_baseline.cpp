#include "tools/trainer/kernels_body.hpp"

namespace ballast::tools {

extern const kernel_table<float> kernels_baseline_f32 = make_table<float>("baseline");
extern const kernel_table<bfloat16> kernels_baseline_bf16 = make_table<bfloat16>("baseline");
extern const kernel_table<float16> kernels_baseline_f16 = make_table<float16>("baseline");

}  // namespace ballast::tools
