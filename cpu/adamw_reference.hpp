// The scalar reference: the specification of every update backend. Kernels, on a CPU or a GPU,
// equal it bit for bit. One IEEE operation at a time, in the order written in adamw_reference.cpp,
// without fma.
//
// The functions of one element are the arithmetic; the loops below them have the shapes of
// update_backend's methods, so that tests and tools can put one in the place of the other.
//
// Threads: any, on disjoint memory. The loops run in default_floating_point.
#pragma once

#include <ballast/update.hpp>
#include <cstdint>
#include <span>

namespace ballast::cpu::reference {

/// Stored for every NaN result, whatever produced it.
inline constexpr std::uint32_t canonical_nan_bits = 0x7FC00000;
/// The largest finite |x| whose bf16 weight is finite.
inline constexpr std::uint32_t largest_splittable_bits = 0x7F7F7FFF;
/// Lanes of a block sum: element i of a block is added to lane i mod 16.
inline constexpr std::size_t sum_lanes = 16;

// One element

/// `value`, or the canonical NaN when it is one.
float canonical(float value);

/// The halves of an fp32 master, lossless for every non-NaN pattern: x = (weight << 16) + residual.
struct split_master {
  std::uint16_t weight;   ///< bf16: x rounded to nearest, ties away from zero
  std::int16_t residual;  ///< what that rounding took
};

/// Shapes: `master` is canonical, or any non-NaN
split_master split(float master);
float join(split_master halves);

/// True when a finite `master` has an infinite weight.
bool overflows_weight(float master);

/// Rounds to bf16 as split() does: nearest, ties away. NaN becomes 0x7FC0; a finite value above
/// 0x7F7F7FFF becomes infinite.
std::uint16_t round_to_bf16(float value);
float widen_bf16(std::uint16_t value);

struct adamw_element {
  float weight;
  float momentum;
  float variance;
};

/// One AdamW step of one element, every field canonical afterwards.
adamw_element adamw(const adamw_scalars& scalars, adamw_element before, float gradient);

/// The lanes of a block sum folded: 16 to 8 to 4 to 2 to 1, each lane with the one half the width
/// away.
double fold(const double (&lanes)[sum_lanes]);

// Runs of elements: update_backend's methods

void update(encoding stored, const adamw_scalars& scalars, const state_view& view,
            std::uint32_t& findings);
void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                     std::span<double> sums, std::uint32_t& findings);
void accumulate(std::span<float> into, std::span<const float> from);
void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                   std::uint32_t& findings);
void decode_master(encoding stored, const state_view& view, std::span<float> master);

}  // namespace ballast::cpu::reference
