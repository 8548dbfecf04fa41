// Which of one path's addresses are given out: front to back, and again what was given back.
//
// What comes back serves the next extent of the same size and slices. Tiles come in few sizes and
// every generation of a tile has the size of the last, so nothing is ever split and nothing is lost
// to fragments.
#pragma once

#include <ballast/store.hpp>
#include <map>
#include <optional>

namespace ballast::nvme {

class extent_map {
 public:
  /// Addresses [begin, begin + size), the last `spare` bytes of which nobody counts on.
  extent_map(std::uint64_t begin, bytes size, bytes spare)
      : next_(begin), end_(begin + size.value), share_(size > spare ? size - spare : bytes{1}) {}

  /// Never given out so far.
  bytes untouched() const { return {end_ - next_}; }

  /// An extent that was given back, of just this size and as many slices.
  std::optional<extent> reuse(bytes size, std::uint32_t slices) {
    const auto found = free_.find({size, slices});
    if (found == free_.end() || found->second.empty()) return std::nullopt;
    const extent taken = found->second.back();
    found->second.pop_back();
    given_ += taken.size;
    return taken;
  }

  /// Addresses never used before.
  std::optional<tier_address> extend(bytes size) {
    if (size > untouched()) return std::nullopt;
    const tier_address taken{next_};
    next_ += size.value;
    given_ += size;
    return taken;
  }

  void give_back(const extent& where) {
    free_[{where.size, where.slices}].push_back(where);
    given_ = given_ - where.size;
  }

  /// How much is in use, of what it is to hold. So several fill up to their shares and no further,
  /// and each keeps its spare.
  double fullness() const {
    return static_cast<double>(given_.value) / static_cast<double>(share_.value);
  }

 private:
  std::uint64_t next_;
  const std::uint64_t end_;
  const bytes share_;
  bytes given_;
  std::map<std::pair<bytes, std::uint32_t>, std::vector<extent>> free_;
};

}  // namespace ballast::nvme
