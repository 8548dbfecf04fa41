// The queue where io_uring is refused: a small pool of threads doing pread and pwrite.
#pragma once

#include <condition_variable>
#include <mutex>
#include <nvme/io_queue.hpp>
#include <thread>
#include <vector>

namespace ballast::nvme {

class posix_queue final : public io_queue {
 public:
  explicit posix_queue(const queue_setup& setup);
  /// Waits for what was submitted.
  ~posix_queue() override;

  std::size_t workers() const { return workers_.size(); }

  std::string description() const override;
  void submit(std::span<const io_request> batch) override;
  std::size_t reap(std::span<io_completion> into, nanoseconds limit) override;
  void wake() override;

 private:
  void work();

  std::vector<int> files_;
  std::mutex mutex_;
  std::condition_variable requested_;
  std::condition_variable finished_;
  std::vector<io_request> requests_;    // guarded by mutex_; a ring of `depth`
  std::vector<io_completion> results_;  // guarded by mutex_
  std::size_t first_ = 0;               // guarded by mutex_; oldest request
  std::size_t waiting_ = 0;             // guarded by mutex_; requests not taken by a worker
  bool woken_ = false;                  // guarded by mutex_
  bool stop_ = false;                   // guarded by mutex_
  std::vector<std::thread> workers_;
};

/// Does one request in the calling thread: pread, pwrite or fdatasync.
///
/// Returns: bytes moved, or a negative errno
std::int64_t perform(const io_request& request, int descriptor);

result<std::unique_ptr<io_queue>> open_posix_queue(const queue_setup& setup);

}  // namespace ballast::nvme
