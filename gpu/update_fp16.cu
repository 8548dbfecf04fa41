// fp16: the f32 master is the residual; weights are its rounded copy, written and never read.
#include "gpu/kernels.hpp"
#include "gpu/update_kernel.cuh"

namespace ballast::gpu {
namespace {

// Shapes: weights[n] f16, residual[n], momentum[n], variance[n] f32
template <bool HasVariance>
struct fp16_storage {
  using number = double;
  static constexpr bool noisy = false;
  pack<std::uint16_t> weights;
  pack<float> master;
  moment_packs<float, HasVariance> moments;

  __device__ void load(const state_view& view, const pack_place& here) {
    master = gpu::load<float>(view.residual, here);
    moments.load(view, here);
  }
  __device__ arithmetic::element get(unsigned k) const {
    return {master.at[k], moments.momentum.at[k], moments.variance.at[k]};
  }
  __device__ bool put(unsigned k, const arithmetic::element& after, std::uint32_t) {
    weights.at[k] = arithmetic::round_to_f16(after.weight);
    master.at[k] = after.weight;
    moments.momentum.at[k] = after.momentum;
    moments.variance.at[k] = after.variance;
    return arithmetic::overflows_f16(after.weight);
  }
  __device__ void store(const state_view& view, const pack_place& here) const {
    gpu::store(view.weights, here, weights);
    gpu::store(view.residual, here, master);
    moments.store(view, here);
  }
};

}  // namespace

void launch_update_fp16(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream) {
  launch_update_run<fp16_storage>(recipe, view, findings, stream);
}

}  // namespace ballast::gpu
