#include "tools/bench/adam_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "cpu/reference.hpp"

namespace ballast::tools {
namespace {

/// Whole slices, whole blocks, and an odd rest.
constexpr elements checked = bench_slice * 2 + block_elements + elements{117};
constexpr std::uint64_t checked_steps = 4;

optimizer_options options_of(optimizer with) {
  switch (with) {
    case optimizer::adamw: return adamw_options{};
    case optimizer::adam: return adam_options{.weight_decay = 0.01};
    case optimizer::sgd: return sgd_options{.weight_decay = 0.01};
  }
  return {};
}

/// What a step must write but never reads holds no trace of the right answer beforehand.
void poison_written(bench_state& state) {
  for (const worked_array& each : state.arrays()) {
    if (each.how == access::write) {
      std::fill_n(each.begin, each.width.of(state.count()).value, std::byte{0xA5});
    }
  }
}

}  // namespace

update_recipe bench_recipe(const state_kind& kind, std::uint64_t step, double scale) {
  return {kind.stored, kind.gradient, make_scalars(options_of(kind.with), 1e-4, step, scale),
          arithmetic::noise_key(7, step)};
}

result<std::string> difference_from_reference(update_backend& update, const state_kind& kind,
                                              thread_team& team, bool flip) {
  auto expected = bench_state::make(kind, checked);
  auto actual = bench_state::make(kind, checked);
  if (!expected || !actual) {
    return expected ? actual.error() : expected.error();
  }
  for (bench_state* const state : {&*expected, &*actual}) {
    std::ranges::fill(state->memory(), std::byte{0xA5});
    state->fill(update, team);
    poison_written(*state);
  }
  std::uint32_t findings_expected = found_nothing;
  std::atomic<std::uint32_t> findings = found_nothing;
  for (std::uint64_t step = 1; step <= checked_steps; ++step) {
    const update_recipe recipe = bench_recipe(kind, step, 0.5);
    cpu::reference::update(recipe, expected->view({{0}, checked}), findings_expected);
    team.for_each_slice(checked, 1, [&](element_range slice, std::uint32_t) {
      std::uint32_t found = found_nothing;
      update.update(recipe, actual->view(slice), found, {});
      findings |= found;
    });
  }
  if (flip) {
    actual->arrays().front().begin[checked.value / 2] ^= std::byte{1};
  }
  if (findings != findings_expected) {
    return fmt::format("findings are {}, the reference's {}", findings.load(), findings_expected);
  }
  const auto [here, there] = std::ranges::mismatch(actual->memory(), expected->memory());
  if (here == actual->memory().end()) {
    return std::string();
  }
  return fmt::format("byte {} of the state is {:#04x}, the reference's {:#04x}",
                     here - actual->memory().begin(), std::to_integer<unsigned>(*here),
                     std::to_integer<unsigned>(*there));
}

}  // namespace ballast::tools
