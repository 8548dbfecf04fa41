#include "tools/bench/step_reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <bit>
#include <random>

#include "cpu/reference.hpp"

namespace ballast::tools {
namespace {

constexpr std::size_t most_blocks = 48;

/// In ascending order, without a double.
std::vector<elements> some_blocks(elements count) {
  const std::uint64_t blocks = count / block_elements;
  std::vector<std::uint64_t> picked{0, blocks - 1};
  std::mt19937_64 random(1);
  while (picked.size() < most_blocks) {
    picked.push_back(random() % blocks);
  }
  std::ranges::sort(picked);
  const auto doubles = std::ranges::unique(picked);
  picked.erase(doubles.begin(), doubles.end());
  std::vector<elements> first;
  for (const std::uint64_t each : picked) {
    first.push_back(block_elements * each);
  }
  return first;
}

}  // namespace

result<step_reference> step_reference::make(const synthetic_training& of) {
  const elements count = block_elements * some_blocks(of.count()).size();
  auto state = bench_state::make({of.stored(), optimizer::adamw, compute_type(of.stored())}, count);
  if (!state) {
    return state.error();
  }
  return step_reference(of, *std::move(state));
}

step_reference::step_reference(const synthetic_training& of, bench_state state)
    : of_(of), first_(some_blocks(of.count())), state_(std::move(state)) {
  std::vector<float> masters(block_elements.value);
  std::uint32_t findings = found_nothing;
  for (std::size_t i = 0; i < first_.size(); ++i) {
    of_.masters(first_[i], masters);
    cpu::reference::encode_master(of_.stored(), masters, block(i), findings);
  }
}

state_view step_reference::block(std::size_t index) const {
  state_view view = state_.view({block_elements * index, block_elements});
  view.first = first_[index];
  return view;
}

void step_reference::step() {
  const update_recipe recipe = of_.recipe(++steps_);
  std::vector<float> gradients(block_elements.value);
  std::uint32_t findings = found_nothing;
  for (std::size_t i = 0; i < first_.size(); ++i) {
    of_.gradients(steps_, first_[i], gradients);
    double sum = 0;
    cpu::reference::encode_gradient(gradients, recipe.gradient,
                                    state_.array(bench_state::gradient).at(block_elements * i),
                                    {&sum, 1}, findings);
    cpu::reference::update(recipe, block(i), findings);
  }
}

status step_reference::compare(step_arm& with) const {
  std::vector<float> expected(block_elements.value);
  std::vector<float> actual(block_elements.value);
  for (std::size_t i = 0; i < first_.size(); ++i) {
    cpu::reference::decode_master(of_.stored(), block(i), expected);
    std::ranges::fill(actual, -1e30f);
    if (const status read = with.masters(first_[i], actual); !read) {
      return read;
    }
    for (std::size_t at = 0; at < actual.size(); ++at) {
      if (std::bit_cast<std::uint32_t>(actual[at]) != std::bit_cast<std::uint32_t>(expected[at])) {
        return failure{
            errc::corrupted,
            fmt::format("{}: after {} steps element {} is {}, the reference's {}", with.name(),
                        steps_, first_[i].value + at, actual[at], expected[at])};
      }
    }
  }
  return {};
}

void step_reference::flip() {
  // The master of fp16 is the residual.
  const auto master = of_.stored() == encoding::fp16 ? bench_state::residual : bench_state::weights;
  state_.array(master).begin[block_elements.value] ^= std::byte{1};
}

}  // namespace ballast::tools
