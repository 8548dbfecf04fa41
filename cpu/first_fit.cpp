#include <algorithm>
#include <ballast/assert.hpp>
#include <ballast/rounding.hpp>
#include <cpu/first_fit.hpp>

namespace ballast::cpu {
namespace {

/// Where a range that begins at `begin` belongs in a sorted list.
auto place_of(std::vector<arena_range>& ranges, bytes begin) {
  return std::ranges::lower_bound(ranges, begin, {}, &arena_range::begin);
}

}  // namespace

first_fit::first_fit(bytes capacity, bytes alignment) : alignment_(alignment) {
  const bytes whole = alignment * (capacity / alignment);
  if (whole > bytes{0}) holes_.push_back({{0}, whole});
}

std::optional<arena_range> first_fit::take(bytes size) {
  // A size near the type's end must not round up past it.
  if (size > largest_hole()) return std::nullopt;
  const bytes rounded = round_up(std::max(size, bytes{1}), alignment_);
  const auto hole = std::ranges::find_if(
      holes_, [&](const arena_range& candidate) { return candidate.size >= rounded; });
  if (hole == holes_.end()) return std::nullopt;
  const arena_range place = {hole->begin, rounded};
  if (hole->size == rounded) {
    holes_.erase(hole);
  } else {
    *hole = {place.end(), hole->size - rounded};
  }
  taken_.insert(place_of(taken_, place.begin), place);
  taken_total_ += rounded;
  return place;
}

void first_fit::give(bytes begin) {
  const auto own = place_of(taken_, begin);
  require(own != taken_.end() && own->begin == begin, "what is given back was taken, once");
  arena_range freed = *own;
  taken_.erase(own);
  taken_total_ -= freed.size;

  auto after = place_of(holes_, freed.begin);
  if (after != holes_.end() && freed.end() == after->begin) {
    freed.size += after->size;
    after = holes_.erase(after);
  }
  if (after != holes_.begin() && std::prev(after)->end() == freed.begin) {
    std::prev(after)->size += freed.size;
  } else {
    holes_.insert(after, freed);
  }
}

bytes first_fit::largest_hole() const {
  bytes largest{0};
  for (const arena_range& hole : holes_) largest = std::max(largest, hole.size);
  return largest;
}

}  // namespace ballast::cpu
