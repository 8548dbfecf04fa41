#include "gradient_rounding.hpp"

#include <atomic>

namespace ballast {

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
    : where_(where), homes_(homes), block_sums_(where.blocks()) {
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
