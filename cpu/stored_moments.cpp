#include <algorithm>
#include <cpu/stored_moments.hpp>
#include <cstring>

namespace ballast::cpu {
namespace {

/// The integer maximum of the magnitudes: a NaN wins, and no order matters.
float largest_magnitude(std::span<const float> values) {
  std::uint32_t largest = 0;
  for (const float value : values) {
    largest = std::max(largest, arithmetic::bits_of(value) & arithmetic::magnitude_mask);
  }
  return arithmetic::float_of(largest);
}

}  // namespace

void decode_moments(encoding stored, state_part which, const state_view& view, elements first,
                    std::span<float> values) {
  const bool is_momentum = which == state_part::momentum;
  const std::byte* const array = is_momentum ? view.momentum : view.variance;
  if (stored == encoding::int8) {
    const float scale =
        load<float>(is_momentum ? view.momentum_scale : view.variance_scale, first / scale_group);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t at = first.value + i;
      values[i] = is_momentum ? arithmetic::momentum_of(load<std::int8_t>(array, at), scale)
                              : arithmetic::variance_of(load<std::uint8_t>(array, at), scale);
    }
    return;
  }
  const dtype type = stored == encoding::bf16 ? dtype::bf16 : dtype::f32;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = load_float(type, array, first.value + i);
  }
}

void encode_momentum(encoding stored, std::span<const float> values, const state_view& view,
                     elements first, const group_noise& noise) {
  if (stored == encoding::int8) {
    const arithmetic::code_scale by =
        arithmetic::scale_of(largest_magnitude(values), arithmetic::momentum_codes);
    store(view.momentum_scale, first / scale_group, by.scale);
    for (std::size_t i = 0; i < values.size(); ++i) {
      store(view.momentum, first.value + i,
            arithmetic::momentum_code(values[i], by.inverse, noise.of_codes(i)));
    }
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = first.value + i;
    if (stored == encoding::bf16) {
      store(view.momentum, at, arithmetic::round_to_bf16(values[i], noise.of_bf16_momentum(i)));
    } else {
      store(view.momentum, at, values[i]);
    }
  }
}

void encode_variance(encoding stored, std::span<const float> values, std::span<const float> roots,
                     const state_view& view, elements first, const group_noise& noise) {
  if (stored == encoding::int8) {
    const arithmetic::code_scale by =
        arithmetic::scale_of(largest_magnitude(roots), arithmetic::root_codes);
    store(view.variance_scale, first / scale_group, by.scale);
    for (std::size_t i = 0; i < values.size(); ++i) {
      store(view.variance, first.value + i,
            arithmetic::root_code(roots[i], by.inverse, noise.of_codes(i)));
    }
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = first.value + i;
    if (stored == encoding::bf16) {
      store(view.variance, at, arithmetic::round_to_bf16(values[i], noise.of_bf16_variance(i)));
    } else {
      store(view.variance, at, values[i]);
    }
  }
}

void clear_moments(encoding stored, const state_view& view) {
  const state_layout arrays = layout_of(stored, optimizer::adamw);
  const auto clear = [&](std::byte* array, const array_width& width) {
    if (array != nullptr && view.count.value > 0) {
      std::memset(array, 0, width.of(view.count).value);
    }
  };
  clear(view.momentum, arrays.momentum);
  clear(view.variance, arrays.variance);
  clear(view.momentum_scale, arrays.momentum_scale);
  clear(view.variance_scale, arrays.variance_scale);
}

}  // namespace ballast::cpu
