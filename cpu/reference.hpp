// The scalar reference: the specification of every update backend, element by element, in the order
// of the flat index. Kernels, on a CPU or a GPU, equal it bit for bit.
//
// The arithmetic of one element is in ballast/arithmetic; these loops read and write the state. The
// functions have the shapes of update_backend's methods, so that tests and tools can put one in the
// place of the other.
//
// Threads: any, on disjoint memory. All run in default_floating_point.
#pragma once

#include <ballast/update.hpp>
#include <cstdint>
#include <span>

namespace ballast::cpu::reference {

/// Lanes of a block sum: element i of a block is added to lane i mod 16.
inline constexpr std::size_t sum_lanes = 16;

/// The lanes of a block sum folded: 16 to 8 to 4 to 2 to 1, each lane with the one half the width
/// away; a NaN is 0x7FF8000000000000.
double fold(const double (&lanes)[sum_lanes]);

void update(const update_recipe& recipe, const state_view& view, std::uint32_t& findings);
void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                     std::span<double> sums, std::uint32_t& findings);
void accumulate(std::span<float> into, std::span<const float> from);
void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                   std::uint32_t& findings);
void decode_master(encoding stored, const state_view& view, std::span<float> master);
void encode_moment(encoding stored, state_part which, std::span<const float> values,
                   const state_view& view);
void decode_moment(encoding stored, state_part which, const state_view& view,
                   std::span<float> values);

}  // namespace ballast::cpu::reference
