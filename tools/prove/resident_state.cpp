#include "tools/prove/resident_state.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <ballast/arithmetic/narrow_floats.hpp>

#include "cpu/reference.hpp"

namespace ballast::tools {
namespace {

namespace reference = cpu::reference;

constexpr std::size_t aligned(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

std::size_t weight_bytes(encoding stored) { return size_of(compute_type(stored)).value; }

/// Element `index` of an array in the compute type.
float widened(encoding stored, const std::byte* array, std::size_t index) {
  const std::byte* const at = array + index * weight_bytes(stored);
  if (compute_type(stored) == dtype::f32) {
    float value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return compute_type(stored) == dtype::f16 ? arithmetic::widen_f16(bits)
                                            : arithmetic::widen_bf16(bits);
}

/// The address of element `offset` of an array; nullptr where there is none.
std::byte* part_of(std::vector<std::byte>& array, const array_width& width, std::size_t offset) {
  return array.empty() ? nullptr : array.data() + width.of({offset}).value;
}

class plain_weights final : public weights_view {
 public:
  std::map<std::uint32_t, std::span<const std::byte>> by_parameter;
  std::span<const std::byte> weights(parameter_id which) const override {
    return by_parameter.at(which.value);
  }
};

class plain_gradients final : public gradients_view {
 public:
  layer_id layer;
  std::map<std::uint32_t, std::vector<float>> by_parameter;
  std::span<float> gradient(parameter_id which) override { return by_parameter.at(which.value); }
};

std::vector<parameter_id> own_and_tied(const layer& from) {
  std::vector<parameter_id> all = from.parameters;
  all.insert(all.end(), from.tied.begin(), from.tied.end());
  return all;
}

}  // namespace

resident_state::resident_state(const model& declared, std::uint32_t ranks)
    : declared_(declared), ranks_(ranks), layers_(declared.layers().size()) {
  for (std::uint32_t i = 0; i < layers_.size(); ++i) {
    place_layer({i});
    fill_layer({i});
  }
}

void resident_state::place_layer(layer_id which) {
  flat_layer& flat = layers_[which.value];
  std::size_t next = 0;
  std::size_t index = 0;
  for (const parameter_id each : declared_.at(which).parameters) {
    const std::size_t count = declared_.at(each).count.value;
    places_[each.value] = {which.value, next, count, index++};
    flat.stored = declared_.at(each).options.stored;
    next = aligned(next + count, 128);
  }
  flat.size = aligned(next, 4096);
  for (std::uint32_t before = 0; before < which.value; ++before) {
    flat.first += layers_[before].size;
  }
  const group_id group = declared_.at(declared_.at(which).parameters.front()).options.group;
  flat.arrays = layout_of(flat.stored, kind_of(declared_.groups()[group.value]));
  const elements size{flat.size};
  flat.weights.resize(flat.size * weight_bytes(flat.stored));
  flat.rounded.resize(flat.weights.size());
  flat.residual.resize(flat.arrays.residual.of(size).value);
  flat.momentum.resize(flat.arrays.momentum.of(size).value);
  flat.variance.resize(flat.arrays.variance.of(size).value);
  flat.momentum_scale.resize(flat.arrays.momentum_scale.of(size).value);
  flat.variance_scale.resize(flat.arrays.variance_scale.of(size).value);
  flat.of_ranks.resize(ranks_);
  for (auto& each : flat.of_ranks) {
    each.gradient.resize(flat.size);
    each.pushed.resize(index);
  }
}

void resident_state::fill_layer(layer_id which) {
  flat_layer& flat = layers_[which.value];
  std::vector<float> master(flat.size);
  for (const parameter_id each : declared_.at(which).parameters) {
    const flat_place& at = places_.at(each.value);
    if (const initializer& init = declared_.at(each).options.init) {
      init({{0}, {at.count}}, std::span(master).subspan(at.offset, at.count));
    }
  }
  std::uint32_t findings = found_nothing;
  reference::encode_master(flat.stored, master, view_of(flat, 0, flat.size), findings);
  require(findings == found_nothing, "initial values have finite weights");
}

state_view resident_state::view_of(flat_layer& layer, std::size_t offset, std::size_t count) {
  const std::size_t width = weight_bytes(layer.stored);
  const state_layout& arrays = layer.arrays;
  return {.weights = layer.weights.data() + offset * width,
          .residual = part_of(layer.residual, arrays.residual, offset),
          .momentum = part_of(layer.momentum, arrays.momentum, offset),
          .variance = part_of(layer.variance, arrays.variance, offset),
          .momentum_scale = part_of(layer.momentum_scale, arrays.momentum_scale, offset),
          .variance_scale = part_of(layer.variance_scale, arrays.variance_scale, offset),
          .gradient = layer.rounded.data() + offset * width,
          .count = {count},
          .first = {layer.first + offset}};
}

void resident_state::begin_pass(std::string_view) {}

result<std::unique_ptr<weights_view>> resident_state::fetch(layer_id which) {
  auto view = std::make_unique<plain_weights>();
  for (const parameter_id each : own_and_tied(declared_.at(which))) {
    const flat_place& at = places_.at(each.value);
    const flat_layer& home = layers_[at.layer];
    const std::size_t width = weight_bytes(home.stored);
    view->by_parameter[each.value] =
        std::span(home.weights).subspan(at.offset * width, at.count * width);
  }
  return std::unique_ptr<weights_view>(std::move(view));
}

result<std::unique_ptr<gradients_view>> resident_state::gradients(layer_id which) {
  auto view = std::make_unique<plain_gradients>();
  view->layer = which;
  for (const parameter_id each : own_and_tied(declared_.at(which))) {
    view->by_parameter[each.value].resize(declared_.at(each).count.value);
  }
  return std::unique_ptr<gradients_view>(std::move(view));
}

status resident_state::push(std::unique_ptr<gradients_view> gradients, bool) {
  auto& view = dynamic_cast<plain_gradients&>(*gradients);
  for (const auto& [which, values] : view.by_parameter) {
    if (!declared_.at(parameter_id{which}).options.trainable) {
      continue;
    }
    const flat_place& at = places_.at(which);
    flat_layer::pushes& home = layers_[at.layer].of_ranks[now_];
    for (std::size_t i = 0; i < values.size(); ++i) {
      float& sum = home.gradient[at.offset + i];
      sum = home.pushed[at.index] ? sum + values[i] : values[i];
    }
    home.pushed[at.index] = true;
  }
  return {};
}

/// Of several ranks: each one's gradient as it travels, added in fp32 in their order.
void resident_state::reduce(flat_layer& layer) {
  std::vector<double> ignored(layer.size / 4096);
  std::uint32_t findings = found_nothing;
  std::vector<float> sum;
  for (const flat_layer::pushes& each : layer.of_ranks) {
    reference::encode_gradient(each.gradient, compute_type(layer.stored), layer.rounded.data(),
                               ignored, findings);
    std::vector<float> travelled(layer.size);
    for (std::size_t i = 0; i < layer.size; ++i) {
      travelled[i] = widened(layer.stored, layer.rounded.data(), i);
      if (!sum.empty()) travelled[i] = sum[i] + travelled[i];
    }
    sum = std::move(travelled);
  }
  layer.of_ranks.front().gradient = std::move(sum);
}

/// Rounds every layer's sum to the compute type; the sum of squares, block by block in index order.
double resident_state::round_gradients(bool& finite) {
  double total = 0;
  for (flat_layer& each : layers_) {
    if (std::ranges::none_of(each.of_ranks.front().pushed, [](bool pushed) { return pushed; })) {
      continue;
    }
    if (ranks_ > 1) reduce(each);
    std::vector<double> sums(each.size / 4096);
    std::uint32_t findings = found_nothing;
    reference::encode_gradient(each.of_ranks.front().gradient, compute_type(each.stored),
                               each.rounded.data(), sums, findings);
    finite = finite && (findings & found_non_finite_gradient) == 0;
    for (const double sum : sums) {
      total += sum;
    }
  }
  return total;
}

result<step_outcome> resident_state::step(const step_options& options) {
  bool finite = true;
  const double norm = std::sqrt(round_gradients(finite)) / options.loss_scale;
  const double clip =
      options.clip_norm > 0 ? std::min(1.0, options.clip_norm / (norm + 1e-6)) : 1.0;
  std::uint32_t findings = found_nothing;
  if (finite) {
    ++updates_;
    for (const auto& [which, at] : places_) {
      const parameter& each = declared_.at(parameter_id{which});
      if (each.options.trainable) {
        flat_layer& home = layers_[at.layer];
        const update_recipe recipe{
            home.stored, compute_type(home.stored),
            make_scalars(declared_.groups()[each.options.group.value], options.learning_rate,
                         updates_, clip / options.loss_scale),
            arithmetic::noise_key(0, updates_)};
        reference::update(recipe, view_of(home, at.offset, at.count), findings);
      }
    }
  }
  for (flat_layer& layer : layers_) {
    for (flat_layer::pushes& each : layer.of_ranks) {
      std::ranges::fill(each.gradient, 0.0F);
      each.pushed.assign(each.pushed.size(), false);
    }
  }
  if ((findings & found_weight_overflow) != 0) {
    return failure{errc::weight_overflow, "a master value has no finite weight"};
  }
  return step_outcome{norm, !finite};
}

result<std::span<std::byte>> resident_state::workspace(bytes size) {
  auto& memory = workspaces_.emplace_back(size.value + 64);
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return std::span(memory).subspan(aligned(address, 64) - address, size.value);
}

status resident_state::read(parameter_id which, state_part part, elements first,
                            std::span<float> values) {
  const flat_place& at = places_.at(which.value);
  flat_layer& home = layers_[at.layer];
  const bool is_moment = part == state_part::momentum || part == state_part::variance;
  if (part == state_part::variance && home.variance.empty()) {
    std::ranges::fill(values, 0.0F);
    return {};
  }
  if (part == state_part::weights) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = weight_of(home, at.offset + first.value + i);
    }
    return {};
  }
  // The whole parameter, since an int8 moment is read by groups of 128.
  std::vector<float> all(at.count);
  const state_view whole = view_of(home, at.offset, at.count);
  if (is_moment) {
    reference::decode_moment(home.stored, part, whole, all);
  } else {
    reference::decode_master(home.stored, whole, all);
  }
  std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(first.value), values.size(),
              values.begin());
  return {};
}

float resident_state::weight_of(const flat_layer& home, std::size_t index) {
  return widened(home.stored, home.weights.data(), index);
}

}  // namespace ballast::tools
