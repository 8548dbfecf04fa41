#include "gradient_rounding.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <ballast/arithmetic/narrow_floats.hpp>
#include <ballast/rounding.hpp>
#include <cstring>

namespace ballast {
namespace {

using one_block = std::array<float, block_elements.value>;

/// Exact: what was rounded to a narrow type rounds to itself.
void widen(dtype type, std::span<const std::byte> from, std::span<float> into) {
  if (type == dtype::f32) {
    std::memcpy(into.data(), from.data(), into.size_bytes());
    return;
  }
  std::array<std::uint16_t, block_elements.value> halves;
  std::memcpy(halves.data(), from.data(), into.size() * sizeof halves[0]);
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] =
        type == dtype::bf16 ? arithmetic::widen_bf16(halves[i]) : arithmetic::widen_f16(halves[i]);
  }
}

}  // namespace

std::vector<gradient_chunk> chunks_of(const layout& where, layer_id layer, element_range range) {
  std::vector<gradient_chunk> found;
  const layer_layout& placed = where.at(layer);
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    const element_range part = intersect(where.tiles()[i].range, range);
    for (elements at = part.begin; at < part.end(); at += chunk_elements) {
      found.push_back({{i}, intersect(part, {at, chunk_elements})});
    }
  }
  return found;
}

gradient_rounding::gradient_rounding(const layout& where, tile_homes& homes)
    : where_(where),
      homes_(homes),
      block_sums_(where.blocks()),
      shared_sums_(where.held().replicates() ? 0 : where.blocks()) {
  for (std::uint32_t i = 0; i < where.layers().size(); ++i) {
    chunks_.push_back(chunks_of(where, {i}, {{0}, where.layers()[i].size}));
  }
}

void gradient_rounding::round(const gradient_chunk& part, std::span<const float> source,
                              std::byte* target, update_backend& by, stream_ref stream) {
  const layer_layout& placed = where_.at(where_.at(part.tile).layer);
  const std::uint64_t first = placed.first_block + part.range.begin / block_elements;
  const std::span sums = std::span(block_sums_).subspan(first, part.range.count / block_elements);
  std::uint32_t found = found_nothing;
  by.encode_gradient(source, placed.arrays().weights, target, sums, found, stream);
  if (found != found_nothing) {
    std::atomic_ref(findings_).fetch_or(found, std::memory_order_relaxed);
  }
}

void gradient_rounding::encode(dtype type, std::span<const float> source, std::byte* target,
                               update_backend& by, stream_ref stream) {
  std::array<double, chunk_elements / block_elements> ignored;
  std::uint32_t found = found_nothing;  // the sum is not finite either
  by.encode_gradient(source, type, target,
                     std::span(ignored).first(source.size() / block_elements.value), found, stream);
}

void gradient_rounding::measure(const gradient_chunk& part, std::span<const std::byte> rounded,
                                update_backend& by, stream_ref stream) {
  const layer_layout& placed = where_.at(where_.at(part.tile).layer);
  const dtype type = placed.arrays().weights;
  const std::size_t block_bytes = size_of(type).value * block_elements.value;
  const std::uint64_t first = placed.first_block + part.range.begin / block_elements;
  one_block wide, again;
  std::uint32_t found = found_nothing;
  for (std::uint64_t i = 0; i < part.range.count / block_elements; ++i) {
    widen(type, rounded.subspan(i * block_bytes, block_bytes), wide);
    by.encode_gradient(wide, type, reinterpret_cast<std::byte*>(again.data()),
                       {&block_sums_[first + i], 1}, found, stream);
  }
  if (found != found_nothing) {
    std::atomic_ref(findings_).fetch_or(found, std::memory_order_relaxed);
  }
}

status gradient_rounding::share_sums(peers& ranks) {
  if (where_.held().replicates()) {
    return {};
  }
  // Each rank's sums behind those of the ranks before it, by layer.
  const auto for_sums = [&](const auto& body) {
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < ranks.size(); ++i) {
      for (const layer_layout& placed : where_.layers()) {
        if (placed.trainable()) {
          const element_range shard = placed.shards[i];
          const std::size_t count = shard.count / block_elements;
          body(rank{i}, std::span(shared_sums_).subspan(at, count),
               std::span(block_sums_)
                   .subspan(placed.first_block + shard.begin / block_elements, count));
          at += count;
        }
      }
    }
  };
  std::vector<element_range> shards(ranks.size());
  for_sums([&](rank of, std::span<double> shared, std::span<double> sums) {
    shards[of.value].count += elements{shared.size()};
    if (of == ranks.self()) {
      std::ranges::copy(sums, shared.begin());
    }
  });
  for (std::size_t i = 1; i < shards.size(); ++i) {
    shards[i].begin = shards[i - 1].end();
  }
  const element_range own = shards[ranks.self().value];
  const std::span<std::byte> all = std::as_writable_bytes(std::span(shared_sums_));
  const bytes width{sizeof(double)};
  const status gathered = ranks
                              .all_gather({}, {.shard = all.subspan(own.begin.value * width.value,
                                                                    own.count.value * width.value),
                                               .whole = all,
                                               .shards = shards,
                                               .element = width})
                              .wait();
  if (gathered) {
    for_sums([](rank, std::span<double> shared, std::span<double> sums) {
      std::ranges::copy(shared, sums.begin());
    });
  }
  return gathered;
}

std::span<std::byte> gradient_rounding::home_of(const gradient_chunk& part) const {
  const tile& of = where_.at(part.tile);
  const std::uint64_t width = size_of(where_.at(of.layer).arrays().weights).value;
  return homes_.at(part.tile).gradient.subspan((part.range.begin - of.range.begin).value * width,
                                               part.range.count.value * width);
}

double gradient_rounding::sum_of_squares() const {
  double sum = 0;
  for (const layer_layout& placed : where_.layers()) {
    if (placed.trainable()) {
      const std::uint64_t blocks = placed.size / block_elements;
      for (std::uint64_t i = 0; i < blocks; ++i) {
        sum += block_sums_[placed.first_block + i];
      }
    }
  }
  return sum;
}

}  // namespace ballast
