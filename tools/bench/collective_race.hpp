// One collective beside its limit and beside MPI's own call, in turn, on every rank at once. Each
// rank runs this; what the first one has timed is from when all have begun until all have ended.
#pragma once

#include <comm/mpi_bare_calls.hpp>
#include <optional>
#include <string>

#include "tools/bench/collective_job.hpp"

namespace ballast::tools {

/// Seconds, one a round.
struct collective_times {
  series own;
  series limit;
  std::string limit_name;
  std::optional<series> mpi = {};
};

class collective_race {
 public:
  /// `mpi`: MPI's calls, of fp32 only; nullptr: none. Everything given outlives it.
  collective_race(communicator& ranks, collective_job& job, const comm::mpi_bare_calls* mpi)
      : ranks_(ranks), job_(job), mpi_(job.type() == dtype::f32 ? mpi : nullptr) {}

  /// Whether every rank's result is what it should be; `flip` a bit of this rank's before.
  ///
  /// Errors: failed_task where it is not, on every rank; as communicator
  status verify(bool flip);
  /// Errors: as communicator
  result<collective_times> run(std::uint32_t rounds);

 private:
  /// `body` between two meetings of all ranks.
  work in_step(std::function<status()> body);
  result<std::vector<std::size_t>> fastest_limits(const std::vector<traffic_variant>& all);
  status call_mpi();
  collective_tag next() { return {{0}, sequence_++}; }

  communicator& ranks_;
  collective_job& job_;
  const comm::mpi_bare_calls* mpi_;
  std::uint64_t sequence_ = 0;
  status outcome_;  ///< the first that failed of what was timed
};

}  // namespace ballast::tools
