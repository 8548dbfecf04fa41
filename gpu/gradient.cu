// The gradient pass: rounding, sums of squares in the order that every backend keeps, and
// accumulation.
#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>

#include "gpu/adamw_elements.cuh"
#include "gpu/errors.hpp"
#include "gpu/kernels.hpp"
#include "gpu/stream.hpp"

namespace ballast::gpu {
namespace {

constexpr unsigned threads = 256;
constexpr unsigned lanes = 16;  // element i of a block is added to lane i mod 16
constexpr unsigned blocks_a_launch_block = threads / lanes;
constexpr unsigned all_threads_of_warp = 0xFFFFFFFFu;

/// The gradient as it is stored: writes element i and returns its value.
__device__ float store(float* target, std::uint64_t i, float value) { return target[i] = value; }

__device__ float store(std::uint16_t* target, std::uint64_t i, float value) {
  target[i] = split(value).weight;
  return widen_bf16(target[i]);
}

/// 16 to 8 to 4 to 2 to 1, each lane with the one half the width away; lane 0 holds the result.
__device__ double fold(double sum) {
  for (unsigned half = lanes / 2; half > 0; half /= 2) {
    sum += __shfl_down_sync(all_threads_of_warp, sum, half, lanes);
  }
  return isnan(sum) ? __longlong_as_double(0x7FF8000000000000) : sum;
}

// 16 threads a block of 4096 elements: each adds its lane's 256 elements in index order, as the
// reference does; a row of 16 is one 64 B access.
// Shapes: source[n] f32, target[n] of Value, sums[ceil(n / 4096)] f64
template <class Value>
__global__ void encode(const float* source, Value* target, double* sums, std::uint64_t n,
                       std::uint64_t blocks, std::uint32_t* findings) {
  const unsigned lane = threadIdx.x % lanes;
  const std::uint64_t block =
      static_cast<std::uint64_t>(blockIdx.x) * blocks_a_launch_block + threadIdx.x / lanes;
  const std::uint64_t first = block * block_elements.value;
  const std::uint64_t end = min(first + block_elements.value, n);
  double sum = 0;
  bool finite = true;
  for (std::uint64_t i = first + lane; i < end; i += lanes) {
    const float rounded = store(target, i, canonical(source[i]));
    finite = finite && is_finite(rounded);
    const double wide = rounded;
    sum += wide * wide;
  }
  sum = fold(sum);  // threads past the last block take part, with zeros
  if (!finite) {
    atomicOr(findings, static_cast<std::uint32_t>(found_non_finite_gradient));
  }
  if (lane == 0 && block < blocks) {
    sums[block] = sum;
  }
}

// Shapes: into[n], from[n] f32
__global__ void add(float* into, const float* from, std::uint64_t n) {
  const std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * threads + threadIdx.x;
  if (i < n) {
    into[i] = canonical(into[i] + from[i]);
  }
}

}  // namespace

status launch_encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                              std::span<double> sums, std::uint32_t* findings, stream_ref stream) {
  require(type != dtype::f16, "gradients are f32 or bf16");
  require(sums.size() == count_up(elements{source.size()}, block_elements), "one sum a block");
  if (source.empty()) {
    return {};
  }
  const std::uint64_t blocks = sums.size();
  const auto grid =
      static_cast<unsigned>(count_up(elements{blocks}, elements{blocks_a_launch_block}));
  const cudaStream_t on = handle_of(stream);
  if (type == dtype::bf16) {
    encode<<<grid, threads, 0, on>>>(source.data(), reinterpret_cast<std::uint16_t*>(target),
                                     sums.data(), source.size(), blocks, findings);
  } else {
    encode<<<grid, threads, 0, on>>>(source.data(), reinterpret_cast<float*>(target), sums.data(),
                                     source.size(), blocks, findings);
  }
  return checked(cudaGetLastError(), "launching the gradient pass");
}

status launch_accumulate(std::span<float> into, std::span<const float> from, stream_ref stream) {
  require(into.size() == from.size(), "as many values are added as there are sums");
  if (into.empty()) {
    return {};
  }
  const auto grid = static_cast<unsigned>(count_up(elements{into.size()}, elements{threads}));
  add<<<grid, threads, 0, handle_of(stream)>>>(into.data(), from.data(), into.size());
  return checked(cudaGetLastError(), "launching the accumulation");
}

}  // namespace ballast::gpu
