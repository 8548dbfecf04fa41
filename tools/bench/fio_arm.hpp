// The same job done by the installed fio: a second limit, in which this program had no hand.
//
// It gets what the arms have: io_uring, direct I/O, registered files and buffers where it may
// register them, memory on 2 MiB pages where its C library can give it (the first pass looks whether
// it did), files that are already written, and nothing to do with what it moves.
#pragma once

#include <memory>
#include <vector>

#include "tools/bench/bench_files.hpp"
#include "tools/bench/block_job.hpp"
#include "tools/bench/io_arm.hpp"

namespace ballast::tools {

/// "fio-3.33"
///
/// Errors: unsupported when none is installed, with the remedy
result<std::string> fio_version();

class fio_arm final : public io_arm {
 public:
  /// `files` outlives it; what they held is lost.
  fio_arm(const block_job& job, const bench_files& files) : job_(job), files_(files) {}

  std::string_view name() const override { return "fio"; }
  std::string description() const override;
  /// Fio compares nothing; a pass with scrutiny::all_bytes looks at its memory instead.
  ///
  /// Errors: io_failure with what fio said
  result<io_sample> run(scrutiny how) override;

 private:
  std::vector<std::string> words() const;

  const block_job job_;
  const bench_files& files_;
  bool registers_ = true;  ///< false once it was refused
  bytes huge_;             ///< most memory on 2 MiB pages that was seen
};

}  // namespace ballast::tools
