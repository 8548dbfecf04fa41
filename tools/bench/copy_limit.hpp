// How fast some workers copy bytes out of files and back, and do nothing else: the limit of a step whose
// workers bring its state themselves. In blocks of several sizes; each worker has a share of its own.
#pragma once

#include <ballast/memory.hpp>
#include <memory>
#include <nvme/positional_io.hpp>
#include <nvme/segment.hpp>
#include <vector>

#include "tools/bench/thread_team.hpp"

namespace ballast::tools {

class copy_limit {
 public:
  /// Writes a file of `each` bytes in every folder.
  ///
  /// Errors: exhausted, no_space, io_failure
  static result<std::unique_ptr<copy_limit>> make(std::span<const std::string> folders, bytes each,
                                                  std::uint32_t threads);

  std::size_t variants() const;
  /// "256KiB"
  std::string name(std::size_t variant) const;
  /// Every byte once, read and written.
  ///
  /// Errors: io_failure
  status run(std::size_t variant);

 private:
  copy_limit(std::vector<nvme::segment> files, std::unique_ptr<memory_region> region, bytes each,
             std::uint32_t threads);
  status copy(std::uint32_t thread, bytes block);

  std::vector<nvme::segment> files_;
  std::unique_ptr<memory_region> region_;  ///< a block for each thread
  nvme::segment_map map_;
  std::unique_ptr<nvme::positional_io> io_;
  thread_team team_;
};

}  // namespace ballast::tools
