// The ranks of other hosts, whose memory cannot be read where it lies: what they bring is sent.
#pragma once

#include <ballast/clock.hpp>
#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <vector>

#include "comm/posted_call.hpp"

namespace ballast::comm {

/// Threads: one
class far_ranks {
 public:
  virtual ~far_ranks() = default;

  /// Ascending; empty where all ranks are on this host.
  virtual std::span<const rank> ranks() const = 0;
  /// Tells every far rank which collective this one has come to, and hears it from them.
  ///
  /// Shapes:  calls[i] of ranks()[i]
  /// Errors:  communicator_failure, deadline_exceeded
  virtual result<std::span<const posted_call>> tell(const posted_call& mine) = 0;
  /// Sends and takes until all of it has come; what is empty is not sent.
  ///
  /// Shapes:  sends[i] for ranks()[i], takes[i] from it
  /// Errors:  as tell; what was taken so far is lost
  virtual status exchange(std::span<const std::span<const std::byte>> sends,
                          std::span<const std::span<std::byte>> takes) = 0;
  /// Tells every far rank that this one has come to its end, and waits for theirs; last of all.
  ///
  /// Returns: true when all have come to it; false when they have not `most` after this host has
  ///          failed, or after one has come to a collective that this rank does not
  virtual bool part(nanoseconds most) = 0;
};

/// All ranks are here.
class no_far_ranks final : public far_ranks {
 public:
  std::span<const rank> ranks() const override { return {}; }
  result<std::span<const posted_call>> tell(const posted_call&) override {
    return std::span<const posted_call>();
  }
  status exchange(std::span<const std::span<const std::byte>>,
                  std::span<const std::span<std::byte>>) override {
    return {};
  }
  bool part(nanoseconds) override { return true; }
};

}  // namespace ballast::comm
