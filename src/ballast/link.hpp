// A link is one directed hop between host memory and a tier: read, write, upload or download.
//
// Every backend of it passes tests/conformance/link_conformance.hpp.
#pragma once

#include <ballast/transfer.hpp>

namespace ballast {

/// A range of a tier, and the memory on the host's side that its bytes come from or go to.
struct tier_range {
  tier_address address;
  std::span<std::byte> memory;
};

/// What a link has moved since it was opened.
struct link_counters {
  bytes moved;
  std::uint64_t transfers = 0;
  nanoseconds busy{0};  ///< time with at least one transfer under way
};

class link {
 public:
  virtual ~link() = default;

  /// The link's verb, as traces and tables print it: "read", "write", "upload", "download".
  virtual std::string_view name() const = 0;

  /// Starts a transfer; order between transfers is not promised, except that two transfers of one
  /// upload or download link complete in the order of their submission.
  ///
  /// Threads: any
  /// Errors:  arrive through the ticket and the completion, both, once
  virtual ticket submit(const transfer& hop) = 0;

  /// Moves some ranges, one after the other, and returns when the last one is over; a link that can
  /// do it itself uses no other thread.
  ///
  /// Why:     where a tier is as fast as memory (tmpfs, DAX), handing bytes to another thread costs
  ///          more than copying them
  /// Threads: any; not from a completion
  /// Errors:  the first one; what lies behind it has not been moved
  virtual status move(std::span<const tier_range> ranges, subject whose = {}) {
    status outcome;
    for (std::size_t i = 0; i < ranges.size() && outcome; ++i) {
      outcome =
          submit({.address = ranges[i].address, .memory = ranges[i].memory, .whose = whose}).wait();
    }
    return outcome;
  }

  virtual link_counters counters() const = 0;
};

}  // namespace ballast
