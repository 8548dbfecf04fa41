// How fast the disk takes half reads and half writes, asked plainly: the limit of a step whose state
// is there. Small requests at some depths; the two best of a first look take part in the rounds.
#pragma once

#include <ballast/memory.hpp>
#include <memory>
#include <optional>

#include "tools/bench/saturation_arm.hpp"

namespace ballast::tools {

class disk_limit {
 public:
  /// Writes a file of about `each` bytes in every folder, then looks.
  ///
  /// Errors: exhausted, no_space, io_failure, corrupted
  static result<std::unique_ptr<disk_limit>> make(std::span<const std::string> folders, bytes each);

  std::size_t variants() const { return arms_.size(); }
  /// "1MiB x 8"
  std::string name(std::size_t variant) const;
  /// One pass over the files.
  result<io_sample> run(std::size_t variant) { return arms_[variant]->run(scrutiny::some_marks); }

 private:
  disk_limit(bench_files files, std::unique_ptr<memory_region> region)
      : files_(std::move(files)), region_(std::move(region)) {}
  status write();
  status choose();

  bench_files files_;
  std::unique_ptr<memory_region> region_;
  std::vector<io_setting> settings_;
  std::vector<std::unique_ptr<saturation_arm>> arms_;
};

}  // namespace ballast::tools
