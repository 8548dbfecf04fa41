// One XXH3-128 digest a slice, in memory and never on the disk it vouches for.
//
// Seeded with the run, the extent's address and the slice's index, so bytes of another run, another
// extent or another slice do not pass as this one's. Allocated at construction.
#pragma once

#include <ballast/store.hpp>
#include <vector>

namespace ballast::nvme {

class digest_table {
 public:
  enum class verdict { same, different, never_stamped };

  digest_table(std::uint64_t run, std::uint32_t slices) : run_(run), digests_(slices) {}

  std::uint32_t capacity() const { return static_cast<std::uint32_t>(digests_.size()); }

  /// Threads: any, on different slices
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces);
  verdict check(const extent& where, std::uint32_t index, const slice_pieces& pieces) const;

  /// All of an extent's, to be kept outside, and put back from there.
  std::span<const digest> of(const extent& where) const;
  void set(const extent& where, std::span<const digest> digests);

  std::uint64_t run() const { return run_; }

 private:
  digest compute(const extent& where, std::uint32_t index, const slice_pieces& pieces) const;
  std::size_t place(const extent& where, std::uint32_t index) const;

  std::uint64_t run_;
  std::vector<digest> digests_;  ///< all zero: never stamped
};

}  // namespace ballast::nvme
