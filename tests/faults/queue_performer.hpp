// A queue behind workers that move bytes themselves: what breaks a queue's requests breaks theirs too.
//
// One request at a time, whoever asks; each path of a store has one.
#pragma once

#include <mutex>
#include <nvme/positional_io.hpp>

namespace ballast::faults {

inline nvme::performer_opener performing(nvme::queue_opener open) {
  struct shared {
    std::mutex mutex;
    std::unique_ptr<nvme::io_queue> queue;  // guarded by mutex
  };
  return [open = std::move(open)](std::span<const int> files) -> result<nvme::io_performer> {
    auto opened = open({.files = files, .registered = {}, .depth = 1});
    if (!opened) return opened.error();
    const auto behind = std::make_shared<shared>();
    behind->queue = *std::move(opened);
    return nvme::io_performer([behind](const nvme::io_request& request) {
      const std::lock_guard hold(behind->mutex);
      behind->queue->submit({&request, 1});
      nvme::io_completion done;
      while (behind->queue->reap({&done, 1}, std::chrono::seconds(1)) == 0) {
      }
      return done.result;
    });
  };
}

}  // namespace ballast::faults
