#include "tools/bench/synthetic_training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>

namespace ballast::tools {
namespace {

/// 64 MiB of fp32 gradient.
constexpr elements largest_layer{std::uint64_t{16} << 20};
/// A prime, so that no step and no layer sees its neighbour's values.
constexpr std::size_t table_elements = 65521;
constexpr std::uint64_t step_stride = 7919;

/// Uniform in [-1, 1), the same for equal arguments.
float noise_at(std::uint64_t element) {
  return static_cast<float>(arithmetic::mixed(element) >> 40) * 0x1p-23f - 1.0f;
}

}  // namespace

synthetic_training::synthetic_training(encoding stored, elements count)
    : stored_(stored),
      count_(round_up(count, block_elements)),
      layer_(std::min(count_, largest_layer)),
      table_(table_elements) {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    table_[i] = noise_at(i) * 0.01f;
  }
}

std::uint32_t synthetic_training::layers() const {
  return static_cast<std::uint32_t>(count_up(count_, layer_));
}

element_range synthetic_training::range(std::uint32_t layer) const {
  return intersect({layer_ * layer, layer_}, {{0}, count_});
}

model synthetic_training::declare() const {
  model made{adamw_options{}};
  for (std::uint32_t i = 0; i < layers(); ++i) {
    const element_range whole = range(i);
    const layer_id layer = made.add_layer(fmt::format("layer {}", i));
    made.add_parameter(layer, fmt::format("parameter {}", i), {whole.count.value},
                       {.stored = stored_, .init = [this, whole](auto part, auto values) {
                          masters(whole.begin + part.begin, values);
                        }});
  }
  return made;
}

update_recipe synthetic_training::recipe(std::uint64_t number) const {
  return {stored_, compute_type(stored_),
          make_scalars(adamw_options{}, options().learning_rate, number, 1.0),
          arithmetic::noise_key(0, number)};
}

void synthetic_training::masters(elements first, std::span<float> values) const {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = table_[(first.value + i) % table_.size()] * 2;
  }
}

void synthetic_training::gradients(std::uint64_t number, elements first,
                                   std::span<float> values) const {
  std::size_t at = (first.value + number * step_stride) % table_.size();
  for (std::size_t i = 0; i < values.size();) {
    const std::size_t run = std::min(table_.size() - at, values.size() - i);
    std::copy_n(table_.begin() + static_cast<std::ptrdiff_t>(at), run,
                values.begin() + static_cast<std::ptrdiff_t>(i));
    i += run;
    at = 0;
  }
}

}  // namespace ballast::tools
