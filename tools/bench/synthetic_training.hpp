// A training without a model's arithmetic: layers of one parameter each, whose first values and whose
// gradients are functions of the element and the step. What `ballast bench step` steps.
//
// Elements are counted through all layers; layers are whole blocks, so this is the flat index too.
#pragma once

#include <ballast/engine.hpp>
#include <span>
#include <vector>

namespace ballast::tools {

class synthetic_training {
 public:
  /// Shapes: count is not zero; made a multiple of block_elements
  synthetic_training(encoding stored, elements count);

  encoding stored() const { return stored_; }
  elements count() const { return count_; }
  elements layer_elements() const { return layer_; }
  std::uint32_t layers() const;
  /// Of a layer, in the whole.
  element_range range(std::uint32_t layer) const;
  state_layout arrays() const { return layout_of(stored_, optimizer::adamw); }

  model declare() const;
  step_options options() const { return {.learning_rate = 1e-4}; }
  /// Of step `number`, from 1; the noise seed is 0.
  update_recipe recipe(std::uint64_t number) const;

  /// First values of elements [first, first + n).
  void masters(elements first, std::span<float> values) const;
  /// Gradients of step `number`: copied from a table that stays in a core's cache.
  void gradients(std::uint64_t number, elements first, std::span<float> values) const;

 private:
  encoding stored_;
  elements count_;
  elements layer_;
  std::vector<float> table_;
};

}  // namespace ballast::tools
