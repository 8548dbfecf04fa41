// Collectives over the ranks that share one model. Every backend passes
// tests/conformance/communicator_conformance.hpp.
#pragma once

#include <ballast/encoding.hpp>
#include <ballast/result.hpp>
#include <ballast/stream.hpp>
#include <span>

namespace ballast {

/// Which collective this is; a mismatch between ranks ends the job instead of hanging it.
struct collective_tag {
  layer_id layer;
  std::uint64_t sequence = 0;
};

class communicator {
 public:
  virtual ~communicator() = default;

  virtual std::string_view name() const = 0;
  virtual rank self() const = 0;
  virtual std::uint32_t size() const = 0;

  /// Sums every rank's `whole` and leaves this rank's shard of the sum in `shard`.
  ///
  /// Why:     ordered reduction: ascending ranks, in fp32, rounded once, so that bits do not
  ///          depend on the backend
  /// Shapes:  whole[size() * s], shard[s] elements of `type`; shard may lie inside whole at its
  ///          place
  /// Errors:  communicator_failure names the peer
  virtual status reduce_scatter(std::span<std::byte> whole, std::span<std::byte> shard, dtype type,
                                collective_tag tag, stream_ref stream) = 0;

  /// Gathers every rank's `shard` into `whole`, by rank.
  virtual status all_gather(std::span<const std::byte> shard, std::span<std::byte> whole,
                            collective_tag tag, stream_ref stream) = 0;

  /// The shards' per-block sums of all ranks, in index order, on every rank.
  virtual status all_gather_sums(std::span<const double> own, std::span<double> all,
                                 collective_tag tag) = 0;

  /// True on every rank when any rank says true.
  virtual result<bool> any(bool mine, collective_tag tag) = 0;

  virtual status barrier(collective_tag tag) = 0;
};

}  // namespace ballast
