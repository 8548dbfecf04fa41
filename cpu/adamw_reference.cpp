#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>
#include <bit>
#include <cmath>
#include <cpu/adamw_reference.hpp>
#include <cpu/floating_point_mode.hpp>
#include <cstring>

namespace ballast::cpu::reference {
namespace {

// State arrives as bytes; memcpy reads and writes it without aliasing or alignment assumptions.
template <class Value>
Value load(const std::byte* array, std::size_t index) {
  Value value;
  std::memcpy(&value, array + index * sizeof value, sizeof value);
  return value;
}

template <class Value>
void store(std::byte* array, std::size_t index, Value value) {
  std::memcpy(array + index * sizeof value, &value, sizeof value);
}

constexpr std::uint32_t magnitude_mask = 0x7FFFFFFF;
constexpr std::uint32_t infinity_bits = 0x7F800000;

// The loops are functions of their own so that nothing of them moves out of the mode set before the
// call.

[[gnu::noinline]] void update_fp32(const adamw_scalars& scalars, const state_view& view) {
  for (std::size_t i = 0; i < view.count.value; ++i) {
    const adamw_element after = adamw(scalars,
                                      {load<float>(view.weights, i), load<float>(view.momentum, i),
                                       load<float>(view.variance, i)},
                                      load<float>(view.gradient, i));
    store(view.weights, i, after.weight);
    store(view.momentum, i, after.momentum);
    store(view.variance, i, after.variance);
  }
}

[[gnu::noinline]] void update_exact(const adamw_scalars& scalars, const state_view& view,
                                    std::uint32_t& findings) {
  for (std::size_t i = 0; i < view.count.value; ++i) {
    const float master =
        join({load<std::uint16_t>(view.weights, i), load<std::int16_t>(view.residual, i)});
    const adamw_element after =
        adamw(scalars, {master, load<float>(view.momentum, i), load<float>(view.variance, i)},
              widen_bf16(load<std::uint16_t>(view.gradient, i)));
    if (overflows_weight(after.weight)) findings |= found_weight_overflow;
    const split_master halves = split(after.weight);
    store(view.weights, i, halves.weight);
    store(view.residual, i, halves.residual);
    store(view.momentum, i, after.momentum);
    store(view.variance, i, after.variance);
  }
}

[[gnu::noinline]] void encode_block(std::span<const float> source, std::size_t first, dtype type,
                                    std::byte* target, double& sum, std::uint32_t& findings) {
  double lanes[sum_lanes] = {};
  const std::size_t end = std::min(source.size(), first + block_elements.value);
  for (std::size_t i = first; i < end; ++i) {
    float rounded = canonical(source[i]);
    if (type == dtype::bf16) {
      const std::uint16_t half = round_to_bf16(rounded);
      store(target, i, half);
      rounded = widen_bf16(half);
    } else {
      store(target, i, rounded);
    }
    if (!std::isfinite(rounded)) findings |= found_non_finite_gradient;
    const double wide = rounded;
    lanes[(i - first) % sum_lanes] += wide * wide;  // the product is exact: 48 bits of 53
  }
  sum = fold(lanes);
}

[[gnu::noinline]] void add(std::span<float> into, std::span<const float> from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = canonical(into[i] + from[i]);
}

}  // namespace

float canonical(float value) {
  return std::isnan(value) ? std::bit_cast<float>(canonical_nan_bits) : value;
}

split_master split(float master) {
  const auto bits = std::bit_cast<std::uint32_t>(master);
  return {static_cast<std::uint16_t>((bits + 0x8000u) >> 16), static_cast<std::int16_t>(bits)};
}

float join(split_master halves) {
  const std::uint32_t high = static_cast<std::uint32_t>(halves.weight) << 16;
  return std::bit_cast<float>(high + static_cast<std::uint32_t>(std::int32_t{halves.residual}));
}

bool overflows_weight(float master) {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(master) & magnitude_mask;
  return magnitude > largest_splittable_bits && magnitude < infinity_bits;
}

std::uint16_t round_to_bf16(float value) { return split(canonical(value)).weight; }

float widen_bf16(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

adamw_element adamw(const adamw_scalars& scalars, adamw_element before, float gradient) {
  // Moments in double, rounded once: in fp32 v was seen 2.5 ULP off, and g * g under- and
  // overflows.
  const double g = gradient;
  const double wide_m = scalars.beta1 * double{before.momentum} + scalars.momentum_gain * g;
  const double wide_v = scalars.beta2 * double{before.variance} + scalars.variance_gain * (g * g);
  const auto m = static_cast<float>(wide_m);
  const auto v = static_cast<float>(wide_v);
  // The quotient first: m and root shrink together, where step_size * m would underflow. The decay
  // is added to it and both leave the weight together: one rounding at the size of the weight,
  // where p * (1 - decay_rate) would add two.
  const float adam = scalars.step_size * (m / (std::sqrt(v) + scalars.epsilon));
  const float change = adam + scalars.decay_rate * before.weight;
  return {canonical(before.weight - change), canonical(m), canonical(v)};
}

double fold(const double (&lanes)[sum_lanes]) {
  double folded[sum_lanes];
  std::memcpy(folded, lanes, sizeof folded);
  for (std::size_t half = sum_lanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) folded[i] += folded[i + half];
  }
  return std::isnan(folded[0]) ? std::bit_cast<double>(std::uint64_t{0x7FF8} << 48) : folded[0];
}

void update(encoding stored, const adamw_scalars& scalars, const state_view& view,
            std::uint32_t& findings) {
  require(layout_of(stored).has_value(), "the encoding has kernels (seal() refuses the others)");
  const default_floating_point mode;
  if (stored == encoding::fp32) {
    update_fp32(scalars, view);
  } else {
    update_exact(scalars, view, findings);
  }
}

void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                     std::span<double> sums, std::uint32_t& findings) {
  require(type != dtype::f16, "gradients are f32 or bf16");
  require(sums.size() == count_up(elements{source.size()}, block_elements), "one sum a block");
  const default_floating_point mode;
  for (std::size_t block = 0; block < sums.size(); ++block) {
    encode_block(source, block * block_elements.value, type, target, sums[block], findings);
  }
}

void accumulate(std::span<float> into, std::span<const float> from) {
  require(into.size() == from.size(), "as many values are added as there are sums");
  const default_floating_point mode;
  add(into, from);
}

void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                   std::uint32_t& findings) {
  require(layout_of(stored).has_value(), "the encoding has kernels (seal() refuses the others)");
  require(master.size() == view.count.value, "one master value an element");
  for (std::size_t i = 0; i < master.size(); ++i) {
    const float value = canonical(master[i]);
    if (stored == encoding::exact) {
      if (overflows_weight(value)) findings |= found_weight_overflow;
      const split_master halves = split(value);
      store(view.weights, i, halves.weight);
      store(view.residual, i, halves.residual);
    } else {
      store(view.weights, i, value);
    }
    if (view.momentum != nullptr) store(view.momentum, i, 0.0f);
    if (view.variance != nullptr) store(view.variance, i, 0.0f);
  }
}

void decode_master(encoding stored, const state_view& view, std::span<float> master) {
  require(layout_of(stored).has_value(), "the encoding has kernels (seal() refuses the others)");
  require(master.size() == view.count.value, "one master value an element");
  for (std::size_t i = 0; i < master.size(); ++i) {
    master[i] =
        stored == encoding::exact
            ? join({load<std::uint16_t>(view.weights, i), load<std::int16_t>(view.residual, i)})
            : load<float>(view.weights, i);
  }
}

}  // namespace ballast::cpu::reference
