// fp32: weights are the master.
#include "gpu/kernels.hpp"
#include "gpu/update_kernel.cuh"

namespace ballast::gpu {
namespace {

// Shapes: weights[n], momentum[n], variance[n] f32
template <bool HasVariance>
struct fp32_storage {
  using number = double;
  static constexpr bool noisy = false;
  pack<float> weights;
  moment_packs<float, HasVariance> moments;

  __device__ void load(const state_view& view, const pack_place& here) {
    weights = gpu::load<float>(view.weights, here);
    moments.load(view, here);
  }
  __device__ arithmetic::element get(unsigned k) const {
    return {weights.at[k], moments.momentum.at[k], moments.variance.at[k]};
  }
  __device__ bool put(unsigned k, const arithmetic::element& after, std::uint32_t) {
    weights.at[k] = after.weight;
    moments.momentum.at[k] = after.momentum;
    moments.variance.at[k] = after.variance;
    return false;
  }
  __device__ void store(const state_view& view, const pack_place& here) const {
    gpu::store(view.weights, here, weights);
    moments.store(view, here);
  }
};

}  // namespace

void launch_update_fp32(const update_recipe& recipe, const state_view& view, stream_ref stream) {
  launch_update_run<fp32_storage>(recipe, view, nullptr, stream);
}

}  // namespace ballast::gpu
