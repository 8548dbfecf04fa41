#include "tools/trainer/kernels.hpp"

namespace ballast::tools {

extern const kernel_table<float> kernels_baseline_f32, kernels_avx2_f32, kernels_avx512_f32;
extern const kernel_table<bfloat16> kernels_baseline_bf16, kernels_avx2_bf16, kernels_avx512_bf16;
extern const kernel_table<float16> kernels_baseline_f16, kernels_avx2_f16, kernels_avx512_f16;

namespace {

bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

template <class T>
available_kernels<T> runnable(const kernel_table<T>& baseline, const kernel_table<T>& avx2,
                              const kernel_table<T>& avx512) {
  available_kernels<T> found{{&baseline, nullptr, nullptr}, 1};
  if (has_avx2()) found.tables[found.count++] = &avx2;
  if (has_avx512()) found.tables[found.count++] = &avx512;
  return found;
}

}  // namespace

template <>
available_kernels<float> runnable_kernels<float>() {
  return runnable(kernels_baseline_f32, kernels_avx2_f32, kernels_avx512_f32);
}

template <>
available_kernels<bfloat16> runnable_kernels<bfloat16>() {
  return runnable(kernels_baseline_bf16, kernels_avx2_bf16, kernels_avx512_bf16);
}

template <>
available_kernels<float16> runnable_kernels<float16>() {
  return runnable(kernels_baseline_f16, kernels_avx2_f16, kernels_avx512_f16);
}

template <class T>
const kernel_table<T>& best_kernels() {
  const available_kernels<T> found = runnable_kernels<T>();
  return *found.tables[found.count - 1];
}
template const kernel_table<float>& best_kernels<float>();
template const kernel_table<bfloat16>& best_kernels<bfloat16>();
template const kernel_table<float16>& best_kernels<float16>();

}  // namespace ballast::tools
