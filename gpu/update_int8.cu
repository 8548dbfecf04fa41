// int8: moments as codes of 8 bits with one scale a group of 128 elements: one warp a group, which
// agrees on the largest magnitudes before it writes codes.
#include <ballast/arithmetic/eight_bit_moments.hpp>
#include <ballast/arithmetic/split_master.hpp>

#include "gpu/kernels.hpp"
#include "gpu/update_kernel.cuh"

namespace ballast::gpu {
namespace {

constexpr unsigned whole_warp = 0xFFFFFFFFu;

// The arrays of one thread, four elements of its warp's group.
struct code_packs {
  pack<std::uint16_t> weights;
  pack<std::int8_t> residual;
  pack<std::int8_t> momentum;
  pack<std::uint8_t> variance;
};

/// A group's scale; bytes, since a view may begin anywhere.
__device__ float load_scale(const std::byte* scales, std::uint64_t group, bool aligned) {
  if (aligned) {
    return reinterpret_cast<const float*>(scales)[group];
  }
  float scale;
  memcpy(&scale, scales + group * sizeof scale, sizeof scale);
  return scale;
}

/// The scale of the warp's values, written by its first thread. As integers magnitudes have one
/// order in which NaN comes last, so it does not matter who is compared with whom.
__device__ arithmetic::code_scale agree(std::uint32_t largest_bits, float codes, std::byte* scales,
                                        std::uint64_t group) {
  const std::uint32_t largest = __reduce_max_sync(whole_warp, largest_bits);
  const arithmetic::code_scale found = arithmetic::scale_of(arithmetic::float_of(largest), codes);
  if (threadIdx.x % warp_threads == 0) {
    memcpy(scales + group * sizeof found.scale, &found.scale, sizeof found.scale);
  }
  return found;
}

__device__ std::uint32_t larger(std::uint32_t bits, float value) {
  return max(bits, arithmetic::bits_of(value) & arithmetic::magnitude_mask);
}

// Shapes: weights[n] bf16, residual[n], momentum[n] i8, variance[n] u8;
//         momentum_scale[ceil(n / 128)], variance_scale[ceil(n / 128)] f32
template <class Gradient, class Scalars>
__global__ void __launch_bounds__(block_threads)
    update_groups(const Scalars scalars, const state_view view, const std::uint64_t noise_key,
                  const bool aligned, std::uint32_t* const findings) {
  constexpr bool has_variance = keeps_variance<Scalars>;
  const pack_place here = place_of_thread(view.count.value, aligned);
  const std::uint64_t group = here.first / arithmetic::group_elements;
  if (group * arithmetic::group_elements >= view.count.value) {
    return;  // the whole warp does
  }
  code_packs codes = {
      load<std::uint16_t>(view.weights, here), load<std::int8_t>(view.residual, here),
      load<std::int8_t>(view.momentum, here),
      has_variance ? load<std::uint8_t>(view.variance, here) : pack<std::uint8_t>{}};
  const auto gradient = load<typename Gradient::stored>(view.gradient, here);
  const float momentum_scale = load_scale(view.momentum_scale, group, aligned);
  const float variance_scale = has_variance ? load_scale(view.variance_scale, group, aligned) : 0;

  arithmetic::stepped_element after[pack_elements];
  std::uint32_t largest_momentum = 0;
  std::uint32_t largest_root = 0;
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    const arithmetic::element before = {
        arithmetic::join(arithmetic::short_split_master{codes.weights.at[k], codes.residual.at[k]}),
        arithmetic::momentum_of(codes.momentum.at[k], momentum_scale),
        arithmetic::variance_of(codes.variance.at[k], variance_scale)};
    after[k] = arithmetic::step<float>(scalars, before, Gradient::widen(gradient.at[k]));
    if (k < here.count) {
      largest_momentum = larger(largest_momentum, after[k].state.momentum);
      largest_root = larger(largest_root, after[k].root);
    }
  }
  const arithmetic::code_scale of_momentum =
      agree(largest_momentum, arithmetic::momentum_codes, view.momentum_scale, group);
  arithmetic::code_scale of_root = {0, 0};
  if constexpr (has_variance) {
    of_root = agree(largest_root, arithmetic::root_codes, view.variance_scale, group);
  }

  const std::uint64_t key = arithmetic::group_key(noise_key, view.first.value + here.first);
  bool overflow = false;
#pragma unroll
  for (unsigned k = 0; k < pack_elements; ++k) {
    const auto in_group = static_cast<std::uint32_t>((here.first + k) % arithmetic::group_elements);
    const std::uint32_t word = arithmetic::noise(key, in_group);
    const float master = arithmetic::round_to_24_bits(after[k].state.weight, word & 0xFFu);
    const arithmetic::short_split_master halves = arithmetic::short_split(master);
    codes.weights.at[k] = halves.weight;
    codes.residual.at[k] = halves.residual;
    const std::uint32_t round = arithmetic::code_noise(word);
    codes.momentum.at[k] =
        arithmetic::momentum_code(after[k].state.momentum, of_momentum.inverse, round);
    codes.variance.at[k] = arithmetic::root_code(after[k].root, of_root.inverse, round);
    overflow = overflow || (k < here.count && arithmetic::is_infinite(halves));
  }
  if (overflow) {
    report(findings, found_weight_overflow);
  }
  store(view.weights, here, codes.weights);
  store(view.residual, here, codes.residual);
  store(view.momentum, here, codes.momentum);
  if constexpr (has_variance) {
    store(view.variance, here, codes.variance);
  }
}

}  // namespace

void launch_update_int8(const update_recipe& recipe, const state_view& view,
                        std::uint32_t* findings, stream_ref stream) {
  with_types(recipe, [&](const auto& scalars, auto gradient) {
    update_groups<decltype(gradient)>
        <<<blocks_for(view.count.value), block_threads, 0, handle_of(stream)>>>(
            scalars, view, recipe.noise_key, aligned_for_packs(view), findings);
  });
}

}  // namespace ballast::gpu
