// What `ballast bench collective` measures: every combination of some lists, on ranks of one kind.
#pragma once

#include <ballast/encoding.hpp>
#include <string>
#include <vector>

#include "tools/bench/collective_job.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

/// What carries the ranks' bytes. `automatic`: MPI where mpirun has started this process.
enum class rank_kind : unsigned char { automatic, threads, mpi };

struct collective_settings {
  std::vector<std::string> operations{"all_reduce", "reduce_scatter", "all_gather"};
  std::vector<std::string> sizes{"1MiB", "64MiB", "256MiB"};
  std::vector<std::string> types{"f32", "bf16"};
  rank_kind communicator = rank_kind::automatic;
  std::uint32_t ranks = 2;
  std::uint32_t rounds = 9;
  bool flip = false;
  std::string json;
};

option_set collective_options(collective_settings& settings);

/// The lists, understood.
struct collective_plan {
  std::vector<collective_operation> operations;
  std::vector<bytes> sizes;
  std::vector<dtype> types;

  bytes largest() const;
};

/// Errors: invalid_argument for a word that is none, with the nearest match; does_not_fit
result<collective_plan> plan_of(const collective_settings& settings);

}  // namespace ballast::tools
