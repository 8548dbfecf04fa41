#include "tests/tools/plain_state.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <cmath>
#include <cstring>

#include "cpu/update_backend.hpp"

namespace ballast::tools {

namespace {

constexpr std::size_t tile = std::size_t{1} << 19;

std::size_t aligned(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }
std::size_t weight_bytes(encoding stored) { return size_of(compute_type(stored)).value; }

/// The address of element `offset` of an array; nullptr where there is none.
std::byte* part_of(std::vector<std::byte>& array, const array_width& width, std::size_t offset) {
  return array.empty() ? nullptr : array.data() + width.of({offset}).value;
}

class plain_weights final : public weights_view {
 public:
  explicit plain_weights(const plain_state& of) : of_(of) {}
  std::span<const std::byte> weights(parameter_id which) const override {
    return of_.weights(which);
  }

 private:
  const plain_state& of_;
};

class plain_gradients final : public gradients_view {
 public:
  layer_id layer;
  std::map<std::uint32_t, std::span<float>> by_parameter;
  std::span<float> gradient(parameter_id which) override { return by_parameter.at(which.value); }
};

/// body(first, count) over tiles of `total`, on this many threads.
template <class Body>
void over_tiles(unsigned threads, std::size_t total, const Body& body) {
  tbb::task_arena arena(threads == 0 ? tbb::task_arena::automatic : static_cast<int>(threads));
  arena.execute([&] {
    tbb::parallel_for(std::size_t{0}, (total + tile - 1) / tile, [&](std::size_t index) {
      body(index * tile, std::min(tile, total - index * tile));
    });
  });
}

}  // namespace

plain_state::plain_state(const model& declared, plain_state_options options)
    : declared_(declared),
      options_(options),
      updates_(std::move(cpu::make_update_backend(instruction_set::automatic)).value()),
      layers_(declared.layers().size()),
      places_(declared.parameters().size()) {
  for (std::uint32_t i = 0; i < layers_.size(); ++i) {
    place_layer({i});
    fill_layer({i});
  }
}

plain_state::~plain_state() = default;

bool plain_state::is_tied(std::uint32_t layer) const {
  return std::ranges::any_of(declared_.layers(), [&](const ballast::layer& each) {
    return std::ranges::any_of(
        each.tied, [&](parameter_id tied) { return declared_.at(tied).layer.value == layer; });
  });
}

void plain_state::place_layer(layer_id which) {
  flat_layer& flat = layers_[which.value];
  std::size_t next = 0;
  for (const parameter_id each : declared_.at(which).parameters) {
    const std::size_t count = declared_.at(each).count.value;
    places_[each.value] = {which.value, next, count};
    flat.stored = declared_.at(each).options.stored;
    next = aligned(next + count, 128);
  }
  flat.size = aligned(next, 4096);
  flat.weights.resize(flat.size * weight_bytes(flat.stored));
  flat.rounded.resize(flat.size * weight_bytes(flat.stored));
  for (std::uint32_t before = 0; before < which.value; ++before) {
    flat.first += layers_[before].size;
  }
  const group_id group = declared_.at(declared_.at(which).parameters.front()).options.group;
  flat.arrays = layout_of(flat.stored, kind_of(declared_.groups()[group.value]));
  const elements size{flat.size};
  flat.residual.resize(flat.arrays.residual.of(size).value);
  flat.momentum.resize(flat.arrays.momentum.of(size).value);
  flat.variance.resize(flat.arrays.variance.of(size).value);
  flat.momentum_scale.resize(flat.arrays.momentum_scale.of(size).value);
  flat.variance_scale.resize(flat.arrays.variance_scale.of(size).value);
  flat.sums.resize(flat.size / 4096);
  if (!options_.share_gradient_memory || is_tied(which.value)) {
    flat.own_gradient.resize(flat.size);
  } else {
    shared_gradient_.resize(std::max(shared_gradient_.size(), flat.size));
  }
}

void plain_state::fill_layer(layer_id which) {
  for (const parameter_id each : declared_.at(which).parameters) {
    const initializer& init = declared_.at(each).options.init;
    if (!init) continue;
    over_tiles(options_.threads, places_[each.value].count,
               [&](std::size_t first, std::size_t count) {
                 std::vector<float> values(count);
                 init({{first}, {count}}, values);
                 const flat_place& at = places_[each.value];
                 std::uint32_t findings = found_nothing;
                 flat_layer& flat = layers_[at.layer];
                 updates_->encode_master(flat.stored, values,
                                         view_of(flat, at.offset + first, count), findings);
               });
  }
}

void plain_state::set_weights(parameter_id which, std::span<const float> values) {
  const flat_place& at = places_[which.value];
  std::uint32_t findings = found_nothing;
  updates_->encode_master(layers_[at.layer].stored, values,
                          view_of(layers_[at.layer], at.offset, at.count), findings);
}

state_view plain_state::view_of(flat_layer& layer, std::size_t offset, std::size_t count) {
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

std::span<const std::byte> plain_state::weights(parameter_id which) const {
  const flat_place& at = places_[which.value];
  const flat_layer& home = layers_[at.layer];
  const std::size_t width = weight_bytes(home.stored);
  return std::span(home.weights).subspan(at.offset * width, at.count * width);
}

std::vector<float> plain_state::weight_values(parameter_id which) const {
  const std::span<const std::byte> stored = weights(which);
  const dtype type = compute_type(layers_[places_[which.value].layer].stored);
  std::vector<float> values(stored.size() / size_of(type).value);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (type == dtype::f32) {
      std::memcpy(&values[i], stored.data() + i * sizeof(float), sizeof(float));
      continue;
    }
    std::uint16_t half = 0;
    std::memcpy(&half, stored.data() + i * sizeof half, sizeof half);
    values[i] = type == dtype::f16 ? arithmetic::widen_f16(half) : arithmetic::widen_bf16(half);
  }
  return values;
}

std::span<float> plain_state::gradient_of(std::uint32_t layer) {
  flat_layer& flat = layers_[layer];
  return flat.own_gradient.empty() ? std::span(shared_gradient_).first(flat.size)
                                   : std::span(flat.own_gradient);
}

std::span<const float> plain_state::gradient(parameter_id which) const {
  const flat_place& at = places_[which.value];
  return std::span(layers_[at.layer].own_gradient).subspan(at.offset, at.count);
}

void plain_state::begin_pass(std::string_view name) { order_ = {std::string(name)}; }

result<std::unique_ptr<weights_view>> plain_state::fetch(layer_id which) {
  order_.push_back("fetch " + declared_.at(which).name);
  return std::unique_ptr<weights_view>(std::make_unique<plain_weights>(*this));
}

/// Zeroes a layer's gradient unless this step has begun it: two layers may add to a tied parameter,
/// and then share one running sum.
void plain_state::open_gradient(std::uint32_t layer) {
  if (layers_[layer].gradient_open) return;
  layers_[layer].gradient_open = true;
  const std::span<float> values = gradient_of(layer);
  over_tiles(options_.threads, values.size(), [&](std::size_t first, std::size_t count) {
    std::ranges::fill(values.subspan(first, count), 0.0f);
  });
}

result<std::unique_ptr<gradients_view>> plain_state::gradients(layer_id which) {
  auto view = std::make_unique<plain_gradients>();
  view->layer = which;
  const ballast::layer& of = declared_.at(which);
  for (const std::vector<parameter_id>* list : {&of.parameters, &of.tied}) {
    for (const parameter_id each : *list) {
      const flat_place& at = places_[each.value];
      open_gradient(at.layer);
      view->by_parameter[each.value] = gradient_of(at.layer).subspan(at.offset, at.count);
    }
  }
  return std::unique_ptr<gradients_view>(std::move(view));
}

void plain_state::round_gradient(std::uint32_t layer) {
  flat_layer& flat = layers_[layer];
  const std::span<const float> values = gradient_of(layer);
  std::atomic<std::uint32_t> found = 0;
  over_tiles(options_.threads, flat.size, [&](std::size_t first, std::size_t count) {
    std::uint32_t findings = found_nothing;
    updates_->encode_gradient(values.subspan(first, count), compute_type(flat.stored),
                              flat.rounded.data() + first * weight_bytes(flat.stored),
                              std::span(flat.sums).subspan(first / 4096, count / 4096), findings,
                              {});
    found |= findings;
  });
  findings_ |= found;
}

status plain_state::push(std::unique_ptr<gradients_view> gradients, bool last) {
  const layer_id which = dynamic_cast<plain_gradients&>(*gradients).layer;
  order_.push_back("push " + declared_.at(which).name);
  if (last) {
    round_gradient(which.value);
    layers_[which.value].gradient_open = false;
  }
  return {};
}

result<step_outcome> plain_state::step(const step_options& options) {
  double total = 0;
  for (const flat_layer& each : layers_) {
    for (const double sum : each.sums) total += sum;
  }
  const bool skipped = findings_ != found_nothing;
  findings_ = found_nothing;
  const double norm = std::sqrt(total) / options.loss_scale;
  if (skipped) return step_outcome{norm, true};
  const double clip =
      options.clip_norm > 0 ? std::min(1.0, options.clip_norm / (norm + 1e-6)) : 1.0;
  ++steps_;
  for (std::uint32_t index = 0; index < places_.size(); ++index) {
    const flat_place& at = places_[index];
    const group_id group = declared_.at(parameter_id{index}).options.group;
    flat_layer& home = layers_[at.layer];
    const update_recipe recipe{home.stored, compute_type(home.stored),
                               make_scalars(declared_.groups()[group.value], options.learning_rate,
                                            steps_, clip / options.loss_scale),
                               arithmetic::noise_key(0, steps_)};
    over_tiles(options_.threads, at.count, [&](std::size_t first, std::size_t count) {
      std::uint32_t findings = found_nothing;
      updates_->update(recipe, view_of(home, at.offset + first, count), findings, {});
    });
  }
  return step_outcome{norm, false};
}

result<std::span<std::byte>> plain_state::workspace(bytes size) {
  workspace_bytes_ += size;
  std::vector<std::byte>& memory = workspaces_.emplace_back(size.value + 64);
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return std::span(memory).subspan(aligned(address, 64) - address, size.value);
}

result<activation_id> plain_state::store_activation(std::span<const std::byte> memory) {
  // Poisoned later, so that it is written to.
  activations_[next_activation_].memory = {const_cast<std::byte*>(memory.data()), memory.size()};
  return activation_id{next_activation_++};
}

status plain_state::await_stored(activation_id which) {
  activation& of = activations_.at(which.value);
  require(of.kept.empty(), "waited for once");
  of.kept.assign(of.memory.begin(), of.memory.end());
  std::ranges::fill(of.memory, std::byte{0xFF});
  return {};
}

status plain_state::expect_activation(activation_id which, std::span<std::byte> memory) {
  require(activations_.at(which.value).kept.size() == memory.size(), "it has left");
  std::ranges::fill(memory, std::byte{0xFF});
  return {};
}

status plain_state::load_activation(activation_id which, std::span<std::byte> memory) {
  const auto found = activations_.find(which.value);
  require(found != activations_.end(), "loaded once");
  require(found->second.kept.size() == memory.size(), "it has left");
  std::ranges::copy(found->second.kept, memory.begin());
  activations_.erase(found);
  return {};
}

}  // namespace ballast::tools
