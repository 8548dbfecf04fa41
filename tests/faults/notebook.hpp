// The lines a store says about late I/O, kept for a test to read.
#pragma once

#include <mutex>
#include <nvme/io_loop.hpp>

namespace ballast::faults {

/// Threads: any
class notebook {
 public:
  nvme::note_sink sink() {
    return [this](std::string_view line) {
      const std::lock_guard hold(mutex_);
      lines_.emplace_back(line);
    };
  }
  std::vector<std::string> lines() const {
    const std::lock_guard hold(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace ballast::faults
