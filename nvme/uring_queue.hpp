// The queue on io_uring: one ring, submitted to and reaped by the thread that opened it.
//
// Degrades step by step, and description() says how far: DEFER_TASKRUN, COOP_TASKRUN, plain;
// registered files, plain descriptors; registered memory, plain memory. What it cannot do without
// (io_uring itself, waiting with a time limit: Linux 5.11) makes opening fail with the reason.
#pragma once

#include <liburing.h>
#include <poll.h>

#include <nvme/file_descriptor.hpp>
#include <nvme/io_queue.hpp>
#include <vector>

namespace ballast::nvme {

class uring_queue final : public io_queue {
 public:
  /// Errors: unsupported, with what the kernel said and the remedy
  static result<std::unique_ptr<io_queue>> open(const queue_setup& setup);

  uring_queue(const uring_queue&) = delete;
  uring_queue& operator=(const uring_queue&) = delete;
  ~uring_queue() override;

  std::string description() const override;
  void submit(std::span<const io_request> batch) override;
  std::size_t reap(std::span<io_completion> into, nanoseconds limit) override;
  void wake() override;

 private:
  uring_queue() = default;

  status start(const queue_setup& setup);
  status try_out();
  void register_files(std::span<const int> files);
  void register_memory(std::span<const std::span<std::byte>> regions);
  /// The index of the registered part that holds all of `memory`, or -1.
  int registered_part(std::span<const std::byte> memory) const;
  void arm_wake();
  void flush();
  std::size_t take(std::span<io_completion> into);

  io_uring ring_{};
  bool open_ = false;
  std::string_view mode_;
  std::vector<int> files_;
  bool files_registered_ = false;
  std::vector<std::span<std::byte>> parts_;  ///< registered memory, at most 1 GiB each
  std::string memory_note_;
  file_descriptor wake_;
};

}  // namespace ballast::nvme
