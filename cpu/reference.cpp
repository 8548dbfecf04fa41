#include <algorithm>
#include <ballast/arithmetic/optimizers.hpp>
#include <ballast/arithmetic/rounding_noise.hpp>
#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>
#include <bit>
#include <cmath>
#include <cpu/floating_point_mode.hpp>
#include <cpu/reference.hpp>
#include <cpu/stored_masters.hpp>
#include <cpu/stored_moments.hpp>

namespace ballast::cpu::reference {
namespace {

using arithmetic::element;
using arithmetic::group_elements;
using arithmetic::stepped_element;

// The loops are functions of their own so that nothing of them moves out of the mode set before the
// call.

/// One group of at most 128 elements: all are stepped before the moments are stored, because in
/// int8 a group has one scale.
template <class Number, class Scalars>
void update_group(const update_recipe& recipe, const Scalars& scalars, const state_view& view,
                  elements first, std::uint32_t& findings) {
  const std::size_t count = std::min(group_elements, (view.count - first).value);
  const group_noise noise(recipe.noise_key, view.first + first);
  float momentum[group_elements];
  float variance[group_elements];
  float roots[group_elements];
  decode_moments(recipe.stored, state_part::momentum, view, first, std::span(momentum, count));
  if (view.variance != nullptr) {
    decode_moments(recipe.stored, state_part::variance, view, first, std::span(variance, count));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = first.value + i;
    const element before{load_master(recipe.stored, view, at), momentum[i],
                         view.variance == nullptr ? 0.0F : variance[i]};
    const float gradient = load_float(recipe.gradient, view.gradient, at);
    const stepped_element after = arithmetic::step<Number>(scalars, before, gradient);
    if (store_master(recipe.stored, view, at, after.state.weight, noise.of(i))) {
      findings |= found_weight_overflow;
    }
    momentum[i] = after.state.momentum;
    variance[i] = after.state.variance;
    roots[i] = after.root;
  }
  encode_momentum(recipe.stored, std::span(momentum, count), view, first, noise);
  if (view.variance != nullptr) {
    encode_variance(recipe.stored, std::span(variance, count), std::span(roots, count), view, first,
                    noise);
  }
}

template <class Scalars>
[[gnu::noinline]] void update_all(const update_recipe& recipe, const Scalars& scalars,
                                  const state_view& view, std::uint32_t& findings) {
  for (elements first; first < view.count; first += scale_group) {
    if (recipe.stored == encoding::bf16 || recipe.stored == encoding::int8) {
      update_group<float>(recipe, scalars, view, first, findings);
    } else {
      update_group<double>(recipe, scalars, view, first, findings);
    }
  }
}

[[gnu::noinline]] void encode_block(std::span<const float> source, std::size_t first, dtype type,
                                    std::byte* target, double& sum, std::uint32_t& findings) {
  double lanes[sum_lanes] = {};
  const std::size_t end = std::min(source.size(), first + block_elements.value);
  for (std::size_t i = first; i < end; ++i) {
    const float rounded = store_float(type, target, i, source[i]);
    if (!arithmetic::is_finite(rounded)) findings |= found_non_finite_gradient;
    const double wide = rounded;
    lanes[(i - first) % sum_lanes] += wide * wide;  // the product is exact: 48 bits of 53
  }
  sum = fold(lanes);
}

[[gnu::noinline]] void add(std::span<float> into, std::span<const float> from) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] = arithmetic::canonical(into[i] + from[i]);
  }
}

[[gnu::noinline]] void encode_values(encoding stored, state_part which,
                                     std::span<const float> values, const state_view& view) {
  const group_noise to_nearest = group_noise::to_nearest();
  for (elements first; first.value < values.size(); first += scale_group) {
    const std::size_t count = std::min(group_elements, values.size() - first.value);
    float canonical[group_elements];
    float roots[group_elements];
    for (std::size_t i = 0; i < count; ++i) {
      canonical[i] = arithmetic::canonical(values[first.value + i]);
      roots[i] = arithmetic::canonical(arithmetic::root_of(canonical[i]));
    }
    const std::span group(canonical, count);
    if (which == state_part::momentum) {
      encode_momentum(stored, group, view, first, to_nearest);
    } else {
      encode_variance(stored, group, std::span(roots, count), view, first, to_nearest);
    }
  }
}

}  // namespace

double fold(const double (&lanes)[sum_lanes]) {
  double folded[sum_lanes];
  std::memcpy(folded, lanes, sizeof folded);
  for (std::size_t half = sum_lanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) folded[i] += folded[i + half];
  }
  return std::isnan(folded[0]) ? std::bit_cast<double>(std::uint64_t{0x7FF8} << 48) : folded[0];
}

void update(const update_recipe& recipe, const state_view& view, std::uint32_t& findings) {
  require(view.first.value % scale_group.value == 0, "a run begins at a multiple of 128 elements");
  const default_floating_point mode;
  std::visit([&](const auto& scalars) { update_all(recipe, scalars, view, findings); },
             recipe.scalars);
}

void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                     std::span<double> sums, std::uint32_t& findings) {
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
  require(master.size() == view.count.value, "one master value an element");
  const default_floating_point mode;
  const group_noise to_nearest = group_noise::to_nearest();
  for (std::size_t i = 0; i < master.size(); ++i) {
    if (store_master(stored, view, i, arithmetic::canonical(master[i]), to_nearest.of(i))) {
      findings |= found_weight_overflow;
    }
  }
  clear_moments(stored, view);
}

void decode_master(encoding stored, const state_view& view, std::span<float> master) {
  require(master.size() == view.count.value, "one master value an element");
  const default_floating_point mode;
  for (std::size_t i = 0; i < master.size(); ++i) {
    master[i] = load_master(stored, view, i);
  }
}

void encode_moment(encoding stored, state_part which, std::span<const float> values,
                   const state_view& view) {
  require(values.size() == view.count.value, "one value an element");
  const default_floating_point mode;
  encode_values(stored, which, values, view);
}

void decode_moment(encoding stored, state_part which, const state_view& view,
                   std::span<float> values) {
  require(values.size() == view.count.value, "one value an element");
  const default_floating_point mode;
  for (elements first; first.value < values.size(); first += scale_group) {
    const std::size_t count = std::min(group_elements, values.size() - first.value);
    decode_moments(stored, which, view, first, values.subspan(first.value, count));
  }
}

}  // namespace ballast::cpu::reference
