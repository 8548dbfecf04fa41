// The files that blocks are moved from and to: one without a name in each folder, equally long, and
// the ledger of what they hold.
#pragma once

#include <nvme/segment.hpp>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/sector_ledger.hpp"

namespace ballast::tools {

class bench_files {
 public:
  /// Reserves `each` bytes in every folder.
  ///
  /// Errors: those of a segment
  static result<bench_files> open(std::span<const std::string> folders, bytes each);

  /// Their bytes one after the other.
  const nvme::segment_map& map() const { return map_; }
  sector_ledger& ledger() { return ledger_; }
  /// Nothing, or what the file system refused.
  const std::string& note() const { return files_.front().note(); }

 private:
  bench_files(std::vector<nvme::segment> files, bytes each);

  std::vector<nvme::segment> files_;
  nvme::segment_map map_;
  sector_ledger ledger_;
};

}  // namespace ballast::tools
