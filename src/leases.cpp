#include <algorithm>
#include <ballast/assert.hpp>
#include <ballast/lease.hpp>

namespace ballast {
namespace {

template <class Listed>
const Listed& find(std::span<const Listed> parameters, parameter_id which) {
  const auto found = std::ranges::find(parameters, which, &Listed::which);
  require(found != parameters.end(), "a lease holds its layer's own and tied parameters only");
  return *found;
}

}  // namespace

std::span<const std::byte> weights_lease::weights(parameter_id which) const {
  return find(parameters_, which).memory;
}

std::span<float> gradient_lease::gradient(parameter_id which) const {
  const element_range range = find(parameters_, which).range;
  return memory_.subspan(range.begin.value, range.count.value);
}

}  // namespace ballast
