// Collectives over the ranks that share one model. Every backend passes
// tests/conformance/communicator_conformance.hpp.
//
// A collective is submitted and its ticket waited for, so that it overlaps with compute: a thread of
// the communicator carries it out, never the caller's. Collectives happen in the order of their
// submission, which is the same on every rank; each says which one it is, and where ranks disagree
// all of them fail instead of hanging.
//
// The first failure is everybody's and final: a peer that has died, left, aborted, come too late or
// disagreed makes what is under way and all that follows fail on every rank, with one and the same
// error, which names that peer. Destroying a communicator is leaving.
#pragma once

#include <ballast/encoding.hpp>
#include <ballast/memory.hpp>
#include <ballast/result.hpp>
#include <ballast/stream.hpp>
#include <ballast/transfer.hpp>
#include <memory>
#include <span>

namespace ballast {

/// Which collective this is; a mismatch between ranks ends the job instead of hanging it.
struct collective_tag {
  layer_id layer;
  std::uint64_t sequence = 0;
  friend bool operator==(const collective_tag&, const collective_tag&) = default;
};

/// Where in a whole the ranks' shards lie: shards[size()], ascending and disjoint, the same on every
/// rank. Any of them may be empty, and they need not cover the whole: a bucket is a part of each.
using shard_ranges = std::span<const element_range>;

/// What a rank brings to a reduce-scatter, and takes from it.
///
/// Shapes:  whole[n] elements of `type`, n >= shards.back().end(); shard[shards[self].count]
/// Memory:  borrowed until the ticket completes, `after` too; shard may lie inside whole, at its place
struct reduction {
  std::span<const std::byte> whole;
  std::span<std::byte> shard;
  shard_ranges shards;
  dtype type = dtype::f32;
  bool ordered = true;                 ///< else summed by the backend's library, where it has one
  std::span<const ticket> after = {};  ///< what brings the whole; begins when all have arrived
  stream_ref stream = {};              ///< of device memory: begins when the stream has come here
};

/// What a rank brings to an all-gather, and takes from it.
///
/// Shapes:  whole[n] elements of `element` bytes each, n >= shards.back().end();
///          shard[shards[self].count]
/// Memory:  borrowed until the ticket completes, `after` too; shard may lie inside whole, at its place
struct gathering {
  std::span<const std::byte> shard;
  std::span<std::byte> whole;
  shard_ranges shards;
  bytes element;
  std::span<const ticket> after = {};  ///< what brings the shard; begins when all have arrived
  stream_ref stream = {};
};

/// What has come to this rank from its peers since the beginning.
///
/// Units:   bytes of shards, not of what goes with them
struct rank_traffic {
  bytes reduced;   ///< by reduce-scatters
  bytes gathered;  ///< by all-gathers
};

class communicator {
 public:
  virtual ~communicator() = default;

  virtual std::string_view name() const = 0;
  virtual rank self() const = 0;
  virtual std::uint32_t size() const = 0;
  /// How many of them run on this machine, this one too.
  virtual std::uint32_t host_size() const = 0;

  /// Memory that the peers on this host read where it is. Any other memory can be used too, but may
  /// be copied on the way.
  ///
  /// Shapes:  every rank asks for its regions in the same order; sizes may differ
  /// Memory:  released before the communicator is
  /// Errors:  exhausted; communicator_failure
  virtual result<std::unique_ptr<memory_region>> make_region(bytes size) = 0;

  /// Sums every rank's `whole` and leaves this rank's shard of the sum in `shard`.
  ///
  /// Why:     ordered reduction: ascending ranks, in fp32, rounded once, so that bits do not
  ///          depend on the backend; every NaN is the type's one quiet NaN. Where that is not asked
  ///          for, a library may add in any order, and round after every rank
  /// Threads: one caller at a time
  /// Errors:  communicator_failure, deadline_exceeded; the message names the peer
  virtual ticket reduce_scatter(const reduction& what, collective_tag tag,
                                completion done = {}) = 0;

  /// Gathers every rank's `shard` into `whole`, by rank.
  ///
  /// Threads: one caller at a time
  /// Errors:  as reduce_scatter
  virtual ticket all_gather(const gathering& what, collective_tag tag, completion done = {}) = 0;

  /// True on every rank when any rank says true. Returns when everything submitted before is over.
  ///
  /// Threads: one caller at a time; never from a completion
  /// Errors:  as reduce_scatter
  virtual result<bool> any(bool mine, collective_tag tag) = 0;

  /// Threads: any
  virtual rank_traffic received() const = 0;

  /// This rank cannot go on: the others fail with `cause` and this rank's name.
  ///
  /// Threads: any
  virtual void abort(std::string_view cause) = 0;

  // What the others are enough for.

  /// Returns when every rank has come here.
  status barrier(collective_tag tag) {
    const auto outcome = any(false, tag);
    return outcome ? status() : outcome.error();
  }

  /// The shards' per-block sums of all ranks, in index order, on every rank.
  status all_gather_sums(std::span<const double> own, std::span<double> all, shard_ranges shards,
                         collective_tag tag) {
    return all_gather({std::as_bytes(own), std::as_writable_bytes(all), shards, {sizeof(double)}},
                      tag)
        .wait();
  }

  /// The sum of every rank's `whole`, in its shards, on every rank: a reduce-scatter and an
  /// all-gather in place, so that its bits are theirs.
  ///
  /// Shapes:  whole[n] elements of `type`
  ticket all_reduce(std::span<std::byte> whole, shard_ranges shards, dtype type, collective_tag tag,
                    completion done = {}) {
    const element_range own = shards[self().value];
    const bytes width = size_of(type);
    const auto shard = whole.subspan(own.begin.value * width.value, own.count.value * width.value);
    // Its failure is the all-gather's too.
    (void)reduce_scatter({whole, shard, shards, type}, tag);
    return all_gather({shard, whole, shards, width}, tag, done);
  }
};

}  // namespace ballast
