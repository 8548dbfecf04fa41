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
#include <vector>

namespace ballast {

/// Where a tile's state rests in the store.
struct extent {
  tier_address address;
  bytes size;                     ///< a multiple of store::alignment()
  std::uint32_t first_slice = 0;  ///< index of its first digest
  std::uint32_t slices = 0;
};

/// XXH3-128 of a slice, seeded with run, extent and slice; all zero: never stamped.
struct digest {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const digest&, const digest&) = default;
};

/// The files behind a part of a store's addresses, one after the other, each of `segment_size` but
/// the last.
struct stored_files {
  std::uint64_t begin = 0;  ///< address of the first byte
  bytes size;               ///< of all of them
  bytes segment_size;
  std::vector<std::string> paths;  ///< absolute
  friend bool operator==(const stored_files&, const stored_files&) = default;
};

/// All that another process needs to find a kept store's bytes and to check them.
struct store_record {
  std::uint64_t run = 0;  ///< seeds the digests
  std::vector<stored_files> files;
  friend bool operator==(const store_record&, const store_record&) = default;
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
  /// Takes an extent back: its room may be given out again, to one of the same size and slices.
  virtual void release(const extent& where) = 0;

  /// After a write there failed for `why`: the extent's folder gets no further extents, and a note
  /// says so. Where another folder is left the extent is taken back.
  ///
  /// Returns: whether another folder is left
  virtual bool avoid(const extent& where, const failure& why) = 0;

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

  /// Makes every write that is complete durable. Not while a write is under way.
  ///
  /// Errors: io_failure, no_space; the first one is returned by every later call, because what a
  ///         failed sync could not write is lost, and the next one would not say so
  virtual status sync() = 0;

  /// The digests of an extent's slices, as last stamped, and the way back for an extent whose bytes
  /// are already there.
  virtual std::vector<digest> digests(const extent& where) const = 0;
  virtual result<extent> adopt(tier_address address, bytes size,
                               std::span<const digest> digests) = 0;

  /// Where the bytes are; no files where the store's have no name. Once it was asked for, somebody
  /// may refer to them: they stay when the store ends. Else they end with it.
  virtual store_record record() = 0;
};

}  // namespace ballast
