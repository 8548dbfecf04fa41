// What the files behind a queue held before the last write of each byte: what a stale read brings.
//
// Used by one queue's thread. Takes twice what was written.
#pragma once

#include <algorithm>
#include <nvme/io_queue.hpp>
#include <vector>

namespace ballast::faults {

class older_bytes {
 public:
  void wrote(const nvme::io_request& request) {
    version& of = grown(request);
    const auto at = static_cast<std::ptrdiff_t>(request.offset);
    const auto size = static_cast<std::ptrdiff_t>(request.memory.size());
    std::copy(of.last.begin() + at, of.last.begin() + at + size, of.before.begin() + at);
    std::ranges::copy(request.memory, of.last.begin() + at);
  }

  /// Fills the request's memory with what was there before the last write.
  void read(const nvme::io_request& request) {
    const version& of = grown(request);
    std::copy_n(of.before.begin() + static_cast<std::ptrdiff_t>(request.offset),
                request.memory.size(), request.memory.begin());
  }

 private:
  struct version {
    std::vector<std::byte> last;
    std::vector<std::byte> before;
  };

  version& grown(const nvme::io_request& request) {
    if (files_.size() <= request.file) files_.resize(request.file + 1);
    version& of = files_[request.file];
    const std::uint64_t end = request.offset + request.memory.size();
    if (of.last.size() < end) of.last.resize(end), of.before.resize(end);
    return of;
  }

  std::vector<version> files_;
};

}  // namespace ballast::faults
