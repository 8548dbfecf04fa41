// The update of every encoding whose elements do not depend on each other: one kernel template over
// how an element is stored, the optimizer, and the gradient's type. int8, whose groups share a
// scale, has a kernel of its own.
//
// A storage holds the packs of one thread:
//   number      precision of the variance's sum
//   noisy       true when put() reads its random word
//   load(...)   reads the packs; element k of them is get(k)
//   put(k, ...) takes the state after a step; returns true when its master has no finite weight
//   store(...)  writes the packs
#pragma once

#include <ballast/arithmetic/optimizers.hpp>
#include <type_traits>
#include <variant>

#include "gpu/packs.cuh"
#include "gpu/stream.hpp"

namespace ballast::gpu {

template <class Scalars>
inline constexpr bool keeps_variance = !std::is_same_v<Scalars, sgd_scalars>;

/// Calls `use` with the scalars and the gradient type of `recipe`.
template <class Use>
void with_types(const update_recipe& recipe, const Use& use) {
  std::visit(
      [&](const auto& scalars) {
        with_gradient(recipe.gradient, [&](auto gradient) { use(scalars, gradient); });
      },
      recipe.scalars);
}

/// The moments as `Value`s; SGD's variance is not there.
template <class Value, bool HasVariance>
struct moment_packs {
  pack<Value> momentum;
  pack<Value> variance;

  __device__ void load(const state_view& view, const pack_place& here) {
    momentum = gpu::load<Value>(view.momentum, here);
    variance = HasVariance ? gpu::load<Value>(view.variance, here) : pack<Value>{};
  }
  __device__ void store(const state_view& view, const pack_place& here) const {
    gpu::store(view.momentum, here, momentum);
    if constexpr (HasVariance) {
      gpu::store(view.variance, here, variance);
    }
  }
};

// Elements that do not exist are computed as zeros, found to be nothing, and not stored.
template <class Storage, class Gradient, class Scalars>
__global__ void __launch_bounds__(block_threads)
    update_run(const Scalars scalars, const state_view view, const std::uint64_t noise_key,
               const bool aligned, std::uint32_t* const findings) {
  const pack_place here = place_of_thread(view.count.value, aligned);
  if (here.count == 0) {
    return;
  }
  Storage state;
  state.load(view, here);
  const auto gradient = load<typename Gradient::stored>(view.gradient, here);
  const std::uint64_t key =
      Storage::noisy ? arithmetic::group_key(noise_key, view.first.value + here.first) : 0;
  bool overflow = false;
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    const arithmetic::stepped_element after = arithmetic::step<typename Storage::number>(
        scalars, state.get(k), Gradient::widen(gradient.at[k]));
    const auto in_group = static_cast<std::uint32_t>((here.first + k) % arithmetic::group_elements);
    const std::uint32_t word = Storage::noisy ? arithmetic::noise(key, in_group) : 0;
    overflow = state.put(k, after.state, word) || overflow;
  }
  if (overflow) {
    report(findings, found_weight_overflow);
  }
  state.store(view, here);
}

inline bool aligned_for_packs(const state_view& view) {
  return aligned_for_packs({view.weights, view.residual, view.momentum, view.variance,
                            view.momentum_scale, view.variance_scale, view.gradient});
}

/// Enqueues the kernel of `recipe`; Storage<b> with b = the optimizer keeps a variance.
template <template <bool> class Storage>
void launch_update_run(const update_recipe& recipe, const state_view& view, std::uint32_t* findings,
                       stream_ref stream) {
  with_types(recipe, [&](const auto& scalars, auto gradient) {
    using scalars_type = std::decay_t<decltype(scalars)>;
    update_run<Storage<keeps_variance<scalars_type>>, decltype(gradient)>
        <<<blocks_for(view.count.value), block_threads, 0, handle_of(stream)>>>(
            scalars, view, recipe.noise_key, aligned_for_packs(view), findings);
  });
}

}  // namespace ballast::gpu
