// The moments of one group of 128 elements as every encoding stores them.
#pragma once

#include <ballast/arithmetic/eight_bit_moments.hpp>
#include <ballast/update.hpp>
#include <cpu/group_noise.hpp>
#include <cpu/stored_values.hpp>
#include <span>

namespace ballast::cpu {

/// Reads the group that begins at element `first` of the view.
void decode_moments(encoding stored, state_part which, const state_view& view, elements first,
                    std::span<float> values);

/// Writes it. Values are canonical; `noise` decides what bf16 and int8 round up.
void encode_momentum(encoding stored, std::span<const float> values, const state_view& view,
                     elements first, const group_noise& noise);
/// `roots` of the variances, which int8 stores.
void encode_variance(encoding stored, std::span<const float> values, std::span<const float> roots,
                     const state_view& view, elements first, const group_noise& noise);

/// Sets the moments that `view` has to zero.
void clear_moments(encoding stored, const state_view& view);

}  // namespace ballast::cpu
