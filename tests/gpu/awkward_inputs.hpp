// Inputs of element functions: half of the size that training sees, half any bits at all.
#pragma once

#include <ballast/optimizer.hpp>
#include <random>
#include <vector>

#include "tests/gpu/element_results.hpp"

namespace ballast::gpu {

inline std::vector<element_inputs> awkward_inputs(std::size_t count) {
  std::mt19937_64 random(11);
  std::normal_distribution<float> normal(0, 0.02F);
  const auto value = [&] {
    const auto bits = static_cast<std::uint32_t>(random());
    const auto any = static_cast<std::uint32_t>(random());
    return bits % 2 == 0 ? arithmetic::float_of(any) : normal(random);
  };
  std::vector<element_inputs> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t step = i % 1000 + 1;
    made[i] = {.before = {value(), value(), value()},
               .gradient = value(),
               .noise = static_cast<std::uint32_t>(random()),
               .adamw = make_scalars(adamw_options{}, 1e-3, step, 0.5),
               .adam = make_scalars(adam_options{.weight_decay = 0.01}, 1e-3, step, 0.5),
               .sgd = make_scalars(sgd_options{.nesterov = i % 2 == 0}, 1e-3, step, 0.5)};
  }
  return made;
}

}  // namespace ballast::gpu
