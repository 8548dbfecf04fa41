// A model as the engine sees it: layers of named parameters with shapes, groups of hyperparameters,
// and how each parameter is computed with and stored. A declaration only; nothing is allocated
// here.
//
// Order matters: layers and parameters take their place in the flat index in the order of their
// declaration, so the same declarations give the same addresses on every machine.
#pragma once

#include <ballast/encoding.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ballast {

/// Fills `values` with the initial values of the parameter's elements `range`, on demand and in any
/// order: the model need not fit anywhere. Called from several threads; must depend on `range`
/// alone.
using initializer = std::function<void(element_range range, std::span<float> values)>;

struct parameter_options {
  encoding stored = encoding::exact;  ///< fixes the compute type too (compute_type)
  group_id group = {};                ///< group 0 exists from the start
  bool trainable = true;              ///< false: never updated, its gradient is ignored
  initializer init = {};              ///< empty: zeros
};

struct parameter {
  layer_id layer;
  std::string name;
  std::vector<std::uint64_t> shape;
  elements count;  ///< product of the shape
  parameter_options options;
};

struct layer {
  std::string name;
  std::vector<parameter_id> parameters;  ///< its own, in order
  std::vector<parameter_id> tied;        ///< of other layers, also fetched with this one
};

class model {
 public:
  explicit model(const optimizer_options& first_group = adamw_options{});

  layer_id add_layer(std::string name);
  /// The groups of a layer's trainable parameters must name one optimizer.
  group_id add_group(const optimizer_options& hyperparameters);
  /// The shape's product may not be zero; all parameters of a layer share one encoding (seal()
  /// refuses others until mixed layers exist).
  parameter_id add_parameter(layer_id where, std::string name, std::vector<std::uint64_t> shape,
                             parameter_options options);
  /// Makes `shared` part of what fetch(`where`) leases, and of what push_gradients adds to,
  /// although it rests in its own layer.
  void tie(parameter_id shared, layer_id where);

  const std::vector<layer>& layers() const { return layers_; }
  const std::vector<parameter>& parameters() const { return parameters_; }
  const std::vector<optimizer_options>& groups() const { return groups_; }

  const layer& at(layer_id which) const { return layers_.at(which.value); }
  const parameter& at(parameter_id which) const { return parameters_.at(which.value); }

 private:
  std::vector<layer> layers_;
  std::vector<parameter> parameters_;
  std::vector<optimizer_options> groups_;
};

}  // namespace ballast
