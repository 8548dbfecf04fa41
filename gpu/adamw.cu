// The AdamW step: one thread an element, 128 B a warp and array.
#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>

#include "gpu/adamw_elements.cuh"
#include "gpu/errors.hpp"
#include "gpu/kernels.hpp"
#include "gpu/stream.hpp"

namespace ballast::gpu {
namespace {

constexpr unsigned threads = 256;

__device__ std::uint64_t element_index() {
  return static_cast<std::uint64_t>(blockIdx.x) * threads + threadIdx.x;
}

// Shapes: weights[n], momentum[n], variance[n], gradient[n] f32
__global__ void update_fp32(adamw_scalars scalars, float* weights, float* momentum, float* variance,
                            const float* gradient, std::uint64_t n) {
  const std::uint64_t i = element_index();
  if (i >= n) {
    return;
  }
  const adamw_element after = adamw(scalars, {weights[i], momentum[i], variance[i]}, gradient[i]);
  weights[i] = after.weight;
  momentum[i] = after.momentum;
  variance[i] = after.variance;
}

// Shapes: weights[n] bf16, residual[n] i16, momentum[n], variance[n] f32, gradient[n] bf16
__global__ void update_exact(adamw_scalars scalars, std::uint16_t* weights, std::int16_t* residual,
                             float* momentum, float* variance, const std::uint16_t* gradient,
                             std::uint64_t n, std::uint32_t* findings) {
  const std::uint64_t i = element_index();
  if (i >= n) {
    return;
  }
  const adamw_element before{join({weights[i], residual[i]}), momentum[i], variance[i]};
  const adamw_element after = adamw(scalars, before, widen_bf16(gradient[i]));
  if (overflows_weight(after.weight)) {
    atomicOr(findings, static_cast<std::uint32_t>(found_weight_overflow));
  }
  const split_master halves = split(after.weight);
  weights[i] = halves.weight;
  residual[i] = halves.residual;
  momentum[i] = after.momentum;
  variance[i] = after.variance;
}

template <class Value>
Value* array(std::byte* memory) {
  return reinterpret_cast<Value*>(memory);
}

}  // namespace

status launch_update(encoding stored, const adamw_scalars& scalars, const state_view& view,
                     std::uint32_t* findings, stream_ref stream) {
  require(layout_of(stored).has_value(), "the encoding has kernels (seal() refuses the others)");
  const std::uint64_t n = view.count.value;
  if (n == 0) {
    return {};
  }
  const auto blocks = static_cast<unsigned>(count_up(view.count, elements{threads}));
  const cudaStream_t on = handle_of(stream);
  if (stored == encoding::fp32) {
    update_fp32<<<blocks, threads, 0, on>>>(
        scalars, array<float>(view.weights), array<float>(view.momentum),
        array<float>(view.variance), reinterpret_cast<const float*>(view.gradient), n);
  } else {
    update_exact<<<blocks, threads, 0, on>>>(
        scalars, array<std::uint16_t>(view.weights), array<std::int16_t>(view.residual),
        array<float>(view.momentum), array<float>(view.variance),
        reinterpret_cast<const std::uint16_t*>(view.gradient), n, findings);
  }
  return checked(cudaGetLastError(), "launching the update");
}

}  // namespace ballast::gpu
