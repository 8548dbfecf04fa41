// The tier on disk: extents of whole tiles in preallocated segment files, moved by two links.
//
// An extent's bytes are covered by digests, one a slice, that live in memory and never in the
// extent: whoever changes a slice stamps it while it is in cache, whoever read it checks it before
// use. Bit rot, torn, stale and misdirected transfers fail that check. Every backend passes
// tests/conformance/store_conformance.hpp.
#pragma once

#include <array>
#include <ballast/link.hpp>
#include <span>
#include <string>

namespace ballast {

/// Where a tile's state rests in the store.
struct extent {
  tier_address address;
  bytes size;                     ///< a multiple of store::alignment()
  std::uint32_t first_slice = 0;  ///< index of its first digest
  std::uint32_t slices = 0;
};

/// The pieces of one slice, in stored order; unused ones are empty.
using slice_pieces = std::array<std::span<const std::byte>, 5>;

class store {
 public:
  virtual ~store() = default;

  /// What moves the bytes, for reports: "io_uring, O_DIRECT, /data", "pread/pwrite, ...".
  virtual std::string description() const = 0;
  virtual bytes alignment() const = 0;

  /// Reserves room for an extent whose state is cut into `slices` slices.
  ///
  /// Errors: no_space past the size given when the store was opened
  virtual result<extent> allocate(bytes size, std::uint32_t slices) = 0;

  virtual link& read() = 0;
  virtual link& write() = 0;

  /// Records the digest of slice `index` of `where`, to be written next.
  ///
  /// Threads: any, on different slices
  virtual void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) = 0;

  /// Compares slice `index`, as read, with its last stamp.
  ///
  /// Errors: corrupted, with file, offset and slice
  virtual status check(const extent& where, std::uint32_t index,
                       const slice_pieces& pieces) const = 0;
};

}  // namespace ballast
