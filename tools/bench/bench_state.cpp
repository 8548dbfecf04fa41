#include "tools/bench/bench_state.hpp"

#include <fmt/format.h>

#include <array>

#include "cpu/huge_page_region.hpp"

namespace ballast::tools {
namespace {

using widths = std::array<array_width, 7>;

widths widths_of(const state_kind& kind) {
  const state_layout layout = layout_of(kind.stored, kind.with);
  return {{{size_of(layout.weights), {}},
           layout.residual,
           layout.momentum,
           layout.variance,
           layout.momentum_scale,
           layout.variance_scale,
           {size_of(kind.gradient), {}}}};
}

/// Where an array begins that follows `end` bytes: on a page, and some lines further in each one,
/// so that equal offsets do not fall into equal cache sets.
bytes begin_after(bytes end, std::size_t index) {
  constexpr bytes page{4096};
  constexpr bytes lines{192};
  return round_up(end, page) + page + lines * index;
}

/// Uniform in [-1, 1), the same for equal arguments.
float noise_at(std::uint64_t element, std::uint64_t which) {
  const std::uint64_t bits = arithmetic::mixed(element * 0x9E3779B97F4A7C15u + which);
  return static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f;
}

}  // namespace

std::string state_kind::name() const {
  return fmt::format("{} {} {}", to_string(with), to_string(stored), to_string(gradient));
}

bytes memory_of(const state_kind& kind, elements count) {
  bytes end;
  std::size_t index = 0;
  for (const array_width& each : widths_of(kind)) {
    end = begin_after(end, index++) + each.of(count);
  }
  return begin_after(end, index);
}

result<bench_state> bench_state::make(const state_kind& kind, elements count) {
  auto region = cpu::make_huge_page_region(memory_of(kind, count));
  if (!region) {
    return region.error();
  }
  return bench_state(kind, count, *std::move(region));
}

bench_state::bench_state(const state_kind& kind, elements count,
                         std::unique_ptr<memory_region> region)
    : kind_(kind), count_(count), region_(std::move(region)) {
  const widths all = widths_of(kind);
  bytes end;
  for (std::size_t i = 0; i < array_count; ++i) {
    const bytes begin = begin_after(end, i);
    // The master of fp16 is the residual; its weights are made from it, never read.
    const bool written = i == weights && kind.stored == encoding::fp16;
    all_[i] = {region_->span().data() + begin.value, all[i],
               i == gradient ? access::read
               : written     ? access::write
                             : access::update};
    end = begin + all[i].of(count);
    if (all[i].of({1}).value > 0) {
      present_.push_back(all_[i]);
    }
  }
}

state_view bench_state::view(element_range part) const {
  const auto at = [&](unsigned which) {
    const bool there = all_[which].width.of({1}).value > 0;
    return there ? all_[which].at(part.begin) : nullptr;
  };
  return {at(weights),        at(residual), at(momentum), at(variance), at(momentum_scale),
          at(variance_scale), at(gradient), part.count,   part.begin};
}

void bench_state::fill(update_backend& update, thread_team& team) {
  team.for_each_slice(count_, 1, [&](element_range slice, std::uint32_t) {
    const std::size_t count = slice.count.value;
    std::vector<float> values(count);
    const auto draw = [&](std::uint64_t which, float scale, float shift) {
      for (std::size_t i = 0; i < count; ++i) {
        values[i] = noise_at(slice.begin.value + i, which) * scale + shift;
      }
      return std::span<const float>(values);
    };
    const state_view part = view(slice);
    std::uint32_t findings = found_nothing;
    update.encode_master(kind_.stored, draw(1, 0.02f, 0.0f), part, findings);
    update.encode_moment(kind_.stored, state_part::momentum, draw(2, 0.01f, 0.0f), part);
    if (has_variance(kind_.with)) {
      update.encode_moment(kind_.stored, state_part::variance, draw(3, 5e-5f, 1e-4f), part);
    }
    std::vector<double> sums(count_up(slice.count, block_elements));
    update.encode_gradient(draw(4, 0.01f, 0.0f), kind_.gradient, all_[gradient].at(slice.begin),
                           sums, findings, {});
  });
}

}  // namespace ballast::tools
