// bf16: the master as exact's; moments in bf16, rounded up or down at random.
#include <ballast/arithmetic/split_master.hpp>

#include "gpu/kernels.hpp"
#include "gpu/update_kernel.cuh"

namespace ballast::gpu {
namespace {

// Shapes: weights[n] bf16, residual[n] i16, momentum[n], variance[n] bf16
template <bool HasVariance>
struct bf16_storage {
  using number = float;
  static constexpr bool noisy = true;
  pack<std::uint16_t> weights;
  pack<std::int16_t> residual;
  moment_packs<std::uint16_t, HasVariance> moments;

  __device__ void load(const state_view& view, const pack_place& here) {
    weights = gpu::load<std::uint16_t>(view.weights, here);
    residual = gpu::load<std::int16_t>(view.residual, here);
    moments.load(view, here);
  }
  __device__ arithmetic::element get(unsigned k) const {
    return {arithmetic::join(arithmetic::split_master{weights.at[k], residual.at[k]}),
            arithmetic::widen_bf16(moments.momentum.at[k]),
            arithmetic::widen_bf16(moments.variance.at[k])};
  }
  __device__ bool put(unsigned k, const arithmetic::element& after, std::uint32_t word) {
    const arithmetic::split_master halves = arithmetic::split(after.weight);
    weights.at[k] = halves.weight;
    residual.at[k] = halves.residual;
    moments.momentum.at[k] = arithmetic::round_to_bf16(after.momentum, word & 0xFFFFu);
    moments.variance.at[k] = arithmetic::round_to_bf16(after.variance, word >> 16);
    return arithmetic::overflows_weight(after.weight);
  }
  __device__ void store(const state_view& view, const pack_place& here) const {
    gpu::store(view.weights, here, weights);
    gpu::store(view.residual, here, residual);
    moments.store(view, here);
  }
};

}  // namespace

void launch_update_bf16(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream) {
  launch_update_run<bf16_storage>(recipe, view, findings, stream);
}

}  // namespace ballast::gpu
