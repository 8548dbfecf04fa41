// What a rank says about the collective that it has come to: which one, and where its memory is. The
// same on every rank but for the memory, or they do not agree.
//
// Plain words, because it lies in memory that processes share.
#pragma once

#include <ballast/communicator.hpp>
#include <string>

namespace ballast::comm {

enum class collective_kind : std::uint32_t {
  reduce_scatter,
  library_reduce_scatter,
  all_gather,
  any,
  make_region,
  end  ///< none comes any more
};

/// Where the ranks of a host find each other's memory; only the peer_memory that made it can read it.
struct shared_address {
  static constexpr std::uint32_t nowhere = ~std::uint32_t{0};

  std::uint32_t region = nowhere;
  std::uint64_t offset = 0;

  bool known() const { return region != nowhere; }
};

struct posted_call {
  collective_kind kind = collective_kind::any;
  std::uint32_t width = 0;  ///< of an element, in bytes; for a sum its type too, in the high half
  std::uint32_t layer = 0;
  std::uint64_t sequence = 0;
  std::uint64_t shards = 0;    ///< digest of the ranges
  shared_address memory = {};  ///< the whole of a reduction, the shard of a gathering
  std::uint32_t vote = 0;

  static posted_call of(const reduction& what, collective_tag tag);
  static posted_call of(const gathering& what, collective_tag tag);
  static posted_call of(bool vote, collective_tag tag);
  /// The how manieth region.
  static posted_call of_region(std::uint64_t number);
  static posted_call of_end() { return {.kind = collective_kind::end}; }

  bool agrees_with(const posted_call& other) const;
  /// "all_gather of layer 7, sequence 12"
  std::string text() const;
};

/// What two ranks are told that have come to different collectives.
failure disagreement(rank one, const posted_call& ones, rank other, const posted_call& others);
/// What a rank is told that has come to a collective after another's end.
failure departure(rank gone, const posted_call& mine);

}  // namespace ballast::comm
