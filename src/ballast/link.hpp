// A link is one directed hop between host memory and a tier: read, write, upload or download.
//
// Every backend of it passes tests/conformance/link_conformance.hpp.
#pragma once

#include <ballast/transfer.hpp>

namespace ballast {

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

  virtual link_counters counters() const = 0;
};

}  // namespace ballast
