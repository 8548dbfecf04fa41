// A library that sums over the ranks by itself, for callers that do not ask for the ordered sum.
#pragma once

#include <ballast/communicator.hpp>

#include "comm/posted_call.hpp"

namespace ballast::comm {

/// Threads: one
class sum_library {
 public:
  virtual ~sum_library() = default;

  /// As communicator::reduce_scatter, once all ranks have agreed on `call`.
  ///
  /// Errors:  communicator_failure, deadline_exceeded
  virtual status reduce_scatter(const reduction& what, const posted_call& call) = 0;
};

}  // namespace ballast::comm
