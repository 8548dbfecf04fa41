#include "tools/bench/host_limit.hpp"

#include "cpu/huge_page_region.hpp"
#include "cpu/update_backend.hpp"

namespace ballast::tools {
namespace {

state_kind kind_of_state(const synthetic_training& of) {
  return {of.stored(), optimizer::adamw, compute_type(of.stored())};
}

bytes source_size(const synthetic_training& of) {
  return {of.layer_elements().value * sizeof(float)};
}

}  // namespace

bytes host_limit::memory_of(const synthetic_training& of) {
  return ballast::tools::memory_of(kind_of_state(of), of.count()) + source_size(of);
}

result<std::unique_ptr<host_limit>> host_limit::make(const synthetic_training& of,
                                                     std::uint32_t threads, instruction_set isa) {
  auto updates = cpu::make_update_backend(isa);
  auto state = bench_state::make(kind_of_state(of), of.count());
  auto source = cpu::make_huge_page_region(source_size(of));
  if (!updates) return updates.error();
  if (!state) return state.error();
  if (!source) return source.error();
  return std::unique_ptr<host_limit>(
      new host_limit(of, threads, *std::move(updates), *std::move(state), *std::move(source)));
}

host_limit::host_limit(const synthetic_training& of, std::uint32_t threads,
                       std::unique_ptr<update_backend> updates, bench_state state,
                       std::unique_ptr<memory_region> source)
    : of_(of),
      team_(threads),
      updates_(std::move(updates)),
      state_(std::move(state)),
      source_(std::move(source)),
      sums_(of.count() / block_elements) {
  state_.fill(*updates_, team_);
  of_.gradients(1, {0},
                {reinterpret_cast<float*>(source_->span().data()), of_.layer_elements().value});
}

void host_limit::update() {
  const update_recipe recipe = of_.recipe(++steps_);
  team_.for_each_slice(state_.count(), 1, [&](element_range slice, std::uint32_t) {
    std::uint32_t findings = found_nothing;
    updates_->update(recipe, state_.view(slice), findings, {});
  });
}

void host_limit::norm() {
  const auto* const source = reinterpret_cast<const float*>(source_->span().data());
  for (std::uint32_t layer = 0; layer < of_.layers(); ++layer) {
    const element_range whole = of_.range(layer);
    team_.for_each_slice(whole.count, 1, [&](element_range slice, std::uint32_t) {
      const elements first = whole.begin + slice.begin;
      std::uint32_t findings = found_nothing;
      updates_->encode_gradient(
          {source + slice.begin.value, slice.count.value}, state_.kind().gradient,
          state_.array(bench_state::gradient).at(first),
          std::span(sums_).subspan(first / block_elements, count_up(slice.count, block_elements)),
          findings, {});
    });
  }
}

}  // namespace ballast::tools
