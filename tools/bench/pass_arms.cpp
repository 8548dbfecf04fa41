#include "tools/bench/pass_arms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <cstring>

#include "cpu/huge_page_region.hpp"
#include "cpu/instruction_sets.hpp"
#include "cpu/reference.hpp"
#include "tools/bench/adam_check.hpp"

namespace ballast::tools {
namespace {

constexpr state_kind joined_kind{encoding::exact, optimizer::adamw, dtype::bf16};
constexpr state_kind apart_kind{encoding::fp32, optimizer::adamw, dtype::f32};

float* floats(std::byte* at) { return reinterpret_cast<float*>(at); }

/// The gradient is finite and of the same norm in both arms: the clip coefficient is fixed, so a
/// step needs of the norm only that it was taken.
bool same_sums(std::span<const double> sums, const state_view& view, std::span<float> widened) {
  for (std::size_t i = 0; i < widened.size(); ++i) {
    std::uint16_t half;
    std::memcpy(&half, view.gradient + 2 * i, sizeof half);
    widened[i] = arithmetic::widen_bf16(half);
  }
  std::vector<std::byte> encoded(2 * widened.size());
  std::vector<double> expected(sums.size());
  std::uint32_t findings = found_nothing;
  cpu::reference::encode_gradient(widened, dtype::bf16, encoded.data(), expected, findings);
  return findings == found_nothing && std::ranges::equal(expected, sums);
}

bool same_state(update_backend& update, const state_view& joined, const state_view& apart,
                const std::byte* rounded, std::span<float> masters) {
  update.decode_master(encoding::exact, joined, masters);
  const std::size_t bytes = 4 * masters.size();
  return std::memcmp(masters.data(), apart.weights, bytes) == 0 &&
         std::memcmp(joined.momentum, apart.momentum, bytes) == 0 &&
         std::memcmp(joined.variance, apart.variance, bytes) == 0 &&
         std::memcmp(joined.weights, rounded, 2 * masters.size()) == 0;
}

}  // namespace

const pass_table& passes_beside(const update_backend& update) {
  return update.name() == cpu::name_of(instruction_set::avx512) ? avx512_passes : sse2_passes;
}

bytes pass_arms::memory_of(elements count) {
  return tools::memory_of(joined_kind, count) + tools::memory_of(apart_kind, count) +
         bytes{2 * count.value};
}

result<pass_arms> pass_arms::make(elements count) {
  auto joined = bench_state::make(joined_kind, count);
  if (!joined) return joined.error();
  auto apart = bench_state::make(apart_kind, count);
  if (!apart) return apart.error();
  auto rounded = cpu::make_huge_page_region(bytes{2 * count.value});
  if (!rounded) return rounded.error();
  return pass_arms(*std::move(joined), *std::move(apart), *std::move(rounded));
}

pass_arms::pass_arms(bench_state joined, bench_state apart, std::unique_ptr<memory_region> rounded)
    : joined_(std::move(joined)),
      apart_(std::move(apart)),
      rounded_(std::move(rounded)),
      sums_(count_up(joined_.count(), block_elements)) {}

void pass_arms::fill(update_backend& update, thread_team& team) {
  joined_.fill(update, team);
  apart_.fill(update, team);
}

step_pass pass_arms::norm(const pass_table& passes, thread_team& team) {
  const worked_array gradient = joined_.array(bench_state::gradient);
  return {"norm", {gradient}, [this, gradient, &passes, &team] {
            team.for_each_slice(count(), 1, [&](element_range slice, std::uint32_t) {
              passes.block_sums(gradient.at(slice.begin),
                                sums_.data() + slice.begin / block_elements, slice.count.value);
            });
          }};
}

std::vector<step_pass> pass_arms::fused(update_backend& update, thread_team& team) {
  const update_recipe recipe = bench_recipe(joined_kind, 10, clip_coefficient);
  const auto arrays = joined_.arrays();
  return {norm(passes_beside(update), team),
          {"fused update", {arrays.begin(), arrays.end()}, [this, recipe, &update, &team] {
             team.for_each_slice(count(), 1, [&](element_range slice, std::uint32_t) {
               std::uint32_t findings = found_nothing;
               update.update(recipe, joined_.view(slice), findings, {});
             });
           }}};
}

std::vector<step_pass> pass_arms::separate(update_backend& update, thread_team& team) {
  const update_recipe recipe = bench_recipe(apart_kind, 10, 1.0);
  const auto over = [this, &team](auto body) -> work {
    return [this, &team, body] {
      team.for_each_slice(count(), 1, [&](element_range slice, std::uint32_t) { body(slice); });
    };
  };
  const worked_array narrow = joined_.array(bench_state::gradient);
  worked_array wide = apart_.array(bench_state::gradient);
  const worked_array weights = apart_.array(bench_state::weights);
  const pass_table& passes = passes_beside(update);
  std::vector<step_pass> made{norm(passes, team)};
  wide.how = access::write;
  made.push_back({"widen gradient", {narrow, wide}, over([=, &passes](element_range slice) {
                    passes.widen(narrow.at(slice.begin), floats(wide.at(slice.begin)),
                                 slice.count.value);
                  })});
  wide.how = access::update;
  made.push_back({"clip", {wide}, over([=, &passes](element_range slice) {
                    passes.scale(floats(wide.at(slice.begin)), static_cast<float>(clip_coefficient),
                                 slice.count.value);
                  })});
  const auto arrays = apart_.arrays();
  made.push_back({"fp32 update",
                  {arrays.begin(), arrays.end()},
                  over([this, recipe, &update](element_range slice) {
                    std::uint32_t findings = found_nothing;
                    update.update(recipe, apart_.view(slice), findings, {});
                  })});
  const worked_array to{rounded_->span().data(), {{2}, {}}, access::write};
  made.push_back({"round weights",
                  {{weights.begin, weights.width, access::read}, to},
                  over([=, &passes](element_range slice) {
                    passes.round(floats(weights.at(slice.begin)), to.at(slice.begin),
                                 slice.count.value);
                  })});
  return made;
}

std::string pass_arms::difference(update_backend& update, thread_team& team) {
  std::atomic<std::uint64_t> first{count().value};
  team.for_each_slice(count(), 1, [&](element_range slice, std::uint32_t) {
    std::vector<float> values(slice.count.value);
    const std::span<const double> sums(sums_.data() + slice.begin / block_elements,
                                       count_up(slice.count, block_elements));
    const state_view joined = joined_.view(slice);
    const bool same =
        same_sums(sums, joined, values) &&
        same_state(update, joined, apart_.view(slice), rounded_at(slice.begin), values);
    std::uint64_t seen = first;
    while (!same && slice.begin.value < seen &&
           !first.compare_exchange_weak(seen, slice.begin.value)) {
    }
  });
  return first == count().value
             ? std::string()
             : fmt::format("the arms differ in the slice of elements from {} on", first.load());
}

}  // namespace ballast::tools
