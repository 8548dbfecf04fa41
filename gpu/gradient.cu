// The gradient pass: rounding, sums of squares in the order that every backend keeps, and the
// finite check; and the plain passes beside it: widening, accumulation.
#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>

#include "gpu/errors.hpp"
#include "gpu/kernels.hpp"
#include "gpu/packs.cuh"
#include "gpu/stream.hpp"

namespace ballast::gpu {
namespace {

constexpr unsigned lanes = 16;  // element i of a block is added to lane i mod 16
constexpr unsigned blocks_a_launch_block = block_threads / lanes;
constexpr unsigned batch = 8;  // reads under way before the first is used
constexpr unsigned all_threads_of_warp = 0xFFFFFFFFu;

/// The gradient as it is stored: writes element i and returns its value.
__device__ float put(f32_gradient, float* target, std::uint64_t i, float value) {
  return target[i] = value;
}

__device__ float put(bf16_gradient, std::uint16_t* target, std::uint64_t i, float value) {
  return arithmetic::widen_bf16(target[i] = arithmetic::round_to_bf16(value));
}

__device__ float put(f16_gradient, std::uint16_t* target, std::uint64_t i, float value) {
  return arithmetic::widen_f16(target[i] = arithmetic::round_to_f16(value));
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
// Shapes: source[n] f32, target[n] as Gradient stores it, sums[ceil(n / 4096)] f64
template <class Gradient>
__global__ void __launch_bounds__(block_threads)
    encode(const float* source, typename Gradient::stored* target, double* sums,
           const std::uint64_t n, const std::uint64_t blocks, std::uint32_t* findings) {
  const unsigned lane = threadIdx.x % lanes;
  const std::uint64_t block =
      static_cast<std::uint64_t>(blockIdx.x) * blocks_a_launch_block + threadIdx.x / lanes;
  const std::uint64_t first = block * block_elements.value;
  const std::uint64_t end = min(first + block_elements.value, n);
  double sum = 0;
  bool finite = true;
  for (std::uint64_t i = first + lane; i < end; i += std::uint64_t{lanes} * batch) {
    float values[batch];
#pragma unroll
    for (unsigned k = 0; k < batch; ++k) {
      const std::uint64_t at = i + std::uint64_t{lanes} * k;
      values[k] = at < end ? source[at] : 0;
    }
#pragma unroll
    for (unsigned k = 0; k < batch; ++k) {
      const std::uint64_t at = i + std::uint64_t{lanes} * k;
      if (at < end) {
        const float rounded = put(Gradient{}, target, at, arithmetic::canonical(values[k]));
        finite = finite && arithmetic::is_finite(rounded);
        const double wide = rounded;
        sum += wide * wide;
      }
    }
  }
  sum = fold(sum);  // threads past the last block take part, with zeros
  if (!finite) {
    report(findings, found_non_finite_gradient);
  }
  if (lane == 0 && block < blocks) {
    sums[block] = sum;
  }
}

// Shapes: source[n] as Gradient stores it, target[n] f32
template <class Gradient>
__global__ void __launch_bounds__(block_threads)
    decode(const std::byte* source, const float scale, std::byte* target, const std::uint64_t n,
           const bool aligned) {
  const pack_place here = place_of_thread(n, aligned);
  const auto narrow = load<typename Gradient::stored>(source, here);
  pack<float> wide;
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    wide.at[k] = arithmetic::canonical(scale * Gradient::widen(narrow.at[k]));
  }
  store(target, here, wide);
}

// Shapes: into[n], from[n] f32
__global__ void __launch_bounds__(block_threads)
    add(std::byte* into, const std::byte* from, const std::uint64_t n, const bool aligned) {
  const pack_place here = place_of_thread(n, aligned);
  pack<float> sums = load<float>(into, here);
  const pack<float> terms = load<float>(from, here);
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    sums.at[k] = arithmetic::canonical(sums.at[k] + terms.at[k]);
  }
  store(into, here, sums);
}

}  // namespace

status launch_encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                              std::span<double> sums, std::uint32_t* findings, stream_ref stream) {
  require(sums.size() == count_up(elements{source.size()}, block_elements), "one sum a block");
  if (source.empty()) {
    return {};
  }
  const std::uint64_t blocks = sums.size();
  const auto grid =
      static_cast<unsigned>(count_up(elements{blocks}, elements{blocks_a_launch_block}));
  with_gradient(type, [&](auto gradient) {
    using stored = typename decltype(gradient)::stored;
    encode<decltype(gradient)><<<grid, block_threads, 0, handle_of(stream)>>>(
        source.data(), reinterpret_cast<stored*>(target), sums.data(), source.size(), blocks,
        findings);
  });
  return checked(cudaGetLastError(), "launching the gradient pass");
}

status launch_decode_gradient(const std::byte* source, dtype type, float scale,
                              std::span<float> target, stream_ref stream) {
  if (target.empty()) {
    return {};
  }
  with_gradient(type, [&](auto gradient) {
    decode<decltype(gradient)><<<blocks_for(target.size()), block_threads, 0, handle_of(stream)>>>(
        source, scale, std::as_writable_bytes(target).data(), target.size(),
        aligned_for_packs({source, target.data()}));
  });
  return checked(cudaGetLastError(), "launching the widening of a gradient");
}

status launch_accumulate(std::span<float> into, std::span<const float> from, stream_ref stream) {
  require(into.size() == from.size(), "as many values are added as there are sums");
  if (into.empty()) {
    return {};
  }
  add<<<blocks_for(into.size()), block_threads, 0, handle_of(stream)>>>(
      std::as_writable_bytes(into).data(), std::as_bytes(from).data(), into.size(),
      aligned_for_packs({into.data(), from.data()}));
  return checked(cudaGetLastError(), "launching the accumulation");
}

}  // namespace ballast::gpu
