// exact: weights and residual are the two halves of the fp32 master.
#include <ballast/arithmetic/split_master.hpp>

#include "gpu/kernels.hpp"
#include "gpu/update_kernel.cuh"

namespace ballast::gpu {
namespace {

// Shapes: weights[n] bf16, residual[n] i16, momentum[n], variance[n] f32
template <bool HasVariance>
struct exact_storage {
  using number = double;
  static constexpr bool noisy = false;
  pack<std::uint16_t> weights;
  pack<std::int16_t> residual;
  moment_packs<float, HasVariance> moments;

  __device__ void load(const state_view& view, const pack_place& here) {
    weights = gpu::load<std::uint16_t>(view.weights, here);
    residual = gpu::load<std::int16_t>(view.residual, here);
    moments.load(view, here);
  }
  __device__ arithmetic::element get(unsigned k) const {
    return {arithmetic::join(arithmetic::split_master{weights.at[k], residual.at[k]}),
            moments.momentum.at[k], moments.variance.at[k]};
  }
  __device__ bool put(unsigned k, const arithmetic::element& after, std::uint32_t) {
    const arithmetic::split_master halves = arithmetic::split(after.weight);
    weights.at[k] = halves.weight;
    residual.at[k] = halves.residual;
    moments.momentum.at[k] = after.momentum;
    moments.variance.at[k] = after.variance;
    return arithmetic::overflows_weight(after.weight);
  }
  __device__ void store(const state_view& view, const pack_place& here) const {
    gpu::store(view.weights, here, weights);
    gpu::store(view.residual, here, residual);
    moments.store(view, here);
  }
};

}  // namespace

void launch_update_exact(const update_recipe& recipe, const state_view& view,
                         std::uint32_t* findings, stream_ref stream) {
  launch_update_run<exact_storage>(recipe, view, findings, stream);
}

}  // namespace ballast::gpu
