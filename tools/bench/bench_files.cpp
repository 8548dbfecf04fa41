#include "tools/bench/bench_files.hpp"

namespace ballast::tools {

result<bench_files> bench_files::open(std::span<const std::string> folders, bytes each) {
  std::vector<nvme::segment> files;
  for (const std::string& folder : folders) {
    auto directory = nvme::open_directory(folder);
    if (!directory) {
      return directory.error();
    }
    auto file = nvme::segment::make(*directory, folder, "", each, files.size());
    if (!file) {
      return file.error();
    }
    files.push_back(*std::move(file));
  }
  return bench_files(std::move(files), each);
}

bench_files::bench_files(std::vector<nvme::segment> files, bytes each)
    : files_(std::move(files)), ledger_(each * files_.size()) {
  for (const nvme::segment& file : files_) {
    map_.files.push_back({file.descriptor(), file.name()});
  }
  map_.segment_size = each;
  map_.size = each * files_.size();
  map_.alignment = files_.front().alignment();
}

}  // namespace ballast::tools
