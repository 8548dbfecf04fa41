#include <algorithm>
#include <ballast/assert.hpp>
#include <ballast/model.hpp>
#include <utility>

namespace ballast {
namespace {

constexpr std::uint64_t most_elements = std::uint64_t{1} << 48;

}  // namespace

model::model(const optimizer_options& first_group) : groups_{first_group} {}

layer_id model::add_layer(std::string name) {
  layers_.push_back({.name = std::move(name), .parameters = {}, .tied = {}});
  return {static_cast<std::uint32_t>(layers_.size() - 1)};
}

group_id model::add_group(const optimizer_options& hyperparameters) {
  groups_.push_back(hyperparameters);
  return {static_cast<std::uint32_t>(groups_.size() - 1)};
}

parameter_id model::add_parameter(layer_id where, std::string name,
                                  std::vector<std::uint64_t> shape, parameter_options options) {
  require(where.value < layers_.size(), "a parameter's layer has been added before it");
  require(options.group.value < groups_.size(), "a parameter's group has been added before it");
  elements count{1};
  for (const std::uint64_t extent : shape) {
    require(extent == 0 || count.value <= most_elements / extent,
            "a parameter has at most 2^48 elements");
    count = count * extent;
  }
  require(count.value > 0, "a parameter has at least one element");
  const parameter_id added{static_cast<std::uint32_t>(parameters_.size())};
  parameters_.push_back({where, std::move(name), std::move(shape), count, std::move(options)});
  layers_[where.value].parameters.push_back(added);
  return added;
}

void model::tie(parameter_id shared, layer_id where) {
  require(shared.value < parameters_.size(), "a tied parameter has been added before");
  require(where.value < layers_.size(), "a tied parameter's second layer has been added before");
  require(at(shared).layer != where, "a parameter is tied to another layer than its own");
  std::vector<parameter_id>& tied = layers_[where.value].tied;
  require(std::ranges::find(tied, shared) == tied.end(), "a parameter is tied to a layer once");
  tied.push_back(shared);
}

}  // namespace ballast
