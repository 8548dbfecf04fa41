// One way to do a job of `ballast bench nvme`: what takes part in its rounds.
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <string>

#include "tools/bench/sector_ledger.hpp"

namespace ballast::tools {

/// What one pass over a job took.
///
/// Units: seconds; `cpu` is everything this process did, `checks` the part of it that made and
///        compared marks or digests
struct io_sample {
  bytes moved;
  double wall = 0;
  double cpu = 0;
  double checks = 0;
};

class io_arm {
 public:
  virtual ~io_arm() = default;

  /// The row's name: "queue", "store".
  virtual std::string_view name() const = 0;
  /// What moves the bytes, and on which pages: for reports.
  virtual std::string description() const = 0;

  /// One pass.
  ///
  /// Errors: corrupted when something else was read than written; those of the disk
  virtual result<io_sample> run(scrutiny how) = 0;
};

}  // namespace ballast::tools
