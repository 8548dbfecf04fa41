// How far is the update in place from the memory traffic of the same bytes, on one thread?
//
//   adamw_bench [Mi elements] [rounds]
//
// Verifies each kernel against the reference, then times it in turn with its limit: the same arrays
// read and written the same way with one operation a vector, as the fastest of several plain
// variants.
#include <fmt/format.h>
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cpu/adamw_reference.hpp>
#include <cpu/huge_page_region.hpp>
#include <cpu/update_backend.hpp>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

namespace ballast {
namespace {

using clock_type = std::chrono::steady_clock;

constexpr std::size_t chunk_elements = std::size_t{1} << 18;

struct placed_state {
  placed_state(encoding stored, std::size_t count)
      : bytes_an_element(layout_of(stored)->state().value +
                         2 * size_of(layout_of(stored)->weights).value),
        region(
            std::move(cpu::make_huge_page_region({count * bytes_an_element + 5 * gap}).value())) {
    std::byte* next = region->span().data();
    const auto place = [&](bytes size) {
      std::byte* begin = next;
      next += count * size.value + gap;
      return begin;
    };
    const element_layout layout = *layout_of(stored);
    view.weights = place(size_of(layout.weights));
    view.residual = place(layout.residual);
    view.momentum = place(layout.momentum);
    view.variance = place(layout.variance);
    view.gradient = place(size_of(layout.weights));
    view.count = {count};
  }
  /// Between arrays, so that equal offsets do not fall into equal cache sets.
  static constexpr std::size_t gap = 4096;
  std::size_t bytes_an_element;
  std::unique_ptr<memory_region> region;
  state_view view;
};

void fill(encoding stored, placed_state& state, std::uint32_t seed) {
  const std::size_t count = state.view.count.value;
  std::vector<float> values(count);
  std::uint32_t bits = seed;
  for (float& value : values) {
    bits = bits * 1664525u + 1013904223u;
    value = (static_cast<float>(bits >> 8) * 0x1p-23f - 1.0f) * 0.02f;
  }
  std::uint32_t findings = 0;
  cpu::reference::encode_master(stored, values, state.view, findings);
  std::vector<double> sums((count + 4095) / 4096);
  auto* gradient = const_cast<std::byte*>(state.view.gradient);
  cpu::reference::encode_gradient(values, layout_of(stored)->weights, gradient, sums, findings);
}

/// Every array the update writes is read and written, the gradient is read: bits change, sums do
/// not matter. `prefetch` asks for lines ahead.
template <class Vector, std::size_t Ahead>
void traffic(encoding stored, const state_view& view) {
  const element_layout layout = *layout_of(stored);
  const std::size_t count = view.count.value;
  const std::size_t weight_bytes = size_of(layout.weights).value;
  const Vector one = Vector{} + 1;
  const auto touch = [&](std::byte* array, std::size_t at) {
    if constexpr (Ahead != 0) __builtin_prefetch(array + at + Ahead);
    Vector value;
    std::memcpy(&value, array + at, sizeof value);
    value ^= one;
    std::memcpy(array + at, &value, sizeof value);
  };
  Vector seen{};
  // 64 elements a turn: whole cache lines of every array.
  for (std::size_t i = 0; i + 64 <= count; i += 64) {
    for (std::size_t at = 0; at < 64 * weight_bytes; at += sizeof(Vector)) {
      touch(view.weights, i * weight_bytes + at);
      if (layout.residual.value != 0) touch(view.residual, i * weight_bytes + at);
      Vector value;
      std::memcpy(&value, view.gradient + i * weight_bytes + at, sizeof value);
      seen ^= value;
    }
    for (std::size_t at = 0; at < 256; at += sizeof(Vector)) {
      touch(view.momentum, i * 4 + at);
      touch(view.variance, i * 4 + at);
    }
  }
  asm volatile("" : : "r"(&seen) : "memory");
}

using vector16 = std::uint64_t __attribute__((vector_size(16)));
using vector64 = std::uint64_t __attribute__((vector_size(64)));

template <std::size_t Ahead>
[[gnu::target("avx512f")]] [[gnu::flatten]] void traffic_wide(encoding stored,
                                                              const state_view& view) {
  traffic<vector64, Ahead>(stored, view);
}

/// Bytes that one update of one element reads and writes.
std::size_t traffic_bytes(encoding stored) {
  const element_layout layout = *layout_of(stored);
  const bytes updated = size_of(layout.weights) + layout.state();
  return (updated * 2 + size_of(layout.weights)).value;
}

bool verify(update_backend& backend, encoding stored, const adamw_scalars& scalars) {
  constexpr std::size_t count = 10'007;
  placed_state expected(stored, count);
  placed_state actual(stored, count);
  std::uint32_t findings = 0;
  fill(stored, expected, 3);
  fill(stored, actual, 3);
  cpu::reference::update(stored, scalars, expected.view, findings);
  backend.update(stored, scalars, actual.view, findings, {});
  return std::ranges::equal(expected.region->span(), actual.region->span());
}

/// `view` from element `begin` on, `count` elements.
state_view part_of(encoding stored, const state_view& view, std::size_t begin, std::size_t count) {
  const element_layout layout = *layout_of(stored);
  return {view.weights + begin * size_of(layout.weights).value,
          view.residual + begin * layout.residual.value,
          view.momentum + begin * layout.momentum.value,
          view.variance + begin * layout.variance.value,
          view.gradient + begin * size_of(layout.weights).value,
          {count}};
}

/// Median seconds of each work on a chunk. The works take turns chunk by chunk, far from each
/// other, so that all find their chunk in memory and none is alone with a busy moment of the
/// machine.
std::vector<double> medians(encoding stored, const state_view& view, int rounds,
                            const std::vector<std::function<void(const state_view&)>>& works) {
  const std::size_t chunks = view.count.value / chunk_elements;
  std::vector<std::vector<double>> samples(works.size());
  for (std::size_t turn = 0; turn < chunks * static_cast<std::size_t>(rounds); ++turn) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const std::size_t chunk = (turn + i * chunks / works.size()) % chunks;
      const state_view part = part_of(stored, view, chunk * chunk_elements, chunk_elements);
      const auto begin = clock_type::now();
      works[i](part);
      samples[i].push_back(std::chrono::duration<double>(clock_type::now() - begin).count());
    }
  }
  std::vector<double> found;
  for (std::vector<double>& each : samples) {
    std::ranges::sort(each);
    found.push_back(each[each.size() / 2]);
  }
  return found;
}

int run(std::size_t count, int rounds) {
  std::vector<std::function<void(encoding, const state_view&)>> limits = {traffic<vector16, 0>,
                                                                          traffic<vector16, 2560>};
  std::vector<instruction_set> sets = {instruction_set::baseline};
  if (cpu::supports(instruction_set::avx512)) {
    limits.insert(limits.end(),
                  {traffic_wide<0>, traffic_wide<1024>, traffic_wide<2560>, traffic_wide<4096>});
    sets.push_back(instruction_set::avx512);
  }
  const adamw_scalars scalars = make_adamw_scalars({}, 1e-3, 10, 1.0);
  fmt::print("{:<8} {:<9} {:>8} {:>10} {:>10} {:>10}\n", "encoding", "isa", "B/param", "ns/param",
             "limit ns", "efficiency");
  for (const encoding stored : {encoding::fp32, encoding::exact}) {
    placed_state state(stored, count);
    fill(stored, state, 5);
    for (const instruction_set isa : sets) {
      auto backend = std::move(cpu::make_update_backend(isa).value());
      if (!verify(*backend, stored, scalars)) {
        fmt::print("{} {} differs from the reference\n", to_string(stored), backend->name());
        return 4;
      }
      std::uint32_t findings = 0;
      std::vector<std::function<void(const state_view&)>> works = {
          [&](const state_view& part) { backend->update(stored, scalars, part, findings, {}); }};
      for (const auto& limit : limits) {
        works.push_back([&](const state_view& part) { limit(stored, part); });
      }
      works.front()(state.view);
      const std::vector<double> seconds = medians(stored, state.view, rounds, works);
      const double limit = *std::min_element(seconds.begin() + 1, seconds.end());
      const double scale = 1e9 / static_cast<double>(chunk_elements);
      fmt::print("{:<8} {:<9} {:>8} {:>10.3f} {:>10.3f} {:>10.3f}\n", to_string(stored),
                 backend->name(), traffic_bytes(stored), seconds.front() * scale, limit * scale,
                 limit / seconds.front());
    }
  }
  return 0;
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) {
  const std::size_t mebi = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 64;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  return ballast::run(std::max<std::size_t>(mebi, 1) << 20, std::max(rounds, 1));
}
