// The seam between this room and whatever moves bytes: positional requests go in, completions come
// out.
//
// A queue is made, used and destroyed by one thread (the loop's); only wake() may come from
// another. It knows nothing of transfers, retries or priorities: a completion carries what the
// system said, bytes or a negative errno, and the loop judges it. At most `queue_setup::depth`
// requests are under way at once. Implementations: uring_queue, posix_queue, and in tests a simulated
// disk (tests/faults); wrap a `queue_opener` to put faults between the loop and any of them. Each
// passes tests/conformance/queue_conformance.hpp.
#pragma once

#include <ballast/clock.hpp>
#include <ballast/result.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace ballast::nvme {

/// `sync` makes what a file's completed writes changed durable; it has no memory and no offset.
enum class io_op : std::uint8_t { read, write, sync };

/// Shapes:  memory[n] bytes, n below 1 GiB, moved from or to the file's bytes [offset, offset + n);
///          n is 0 for a sync and for nothing else
/// Memory:  belongs to the queue until the completion with the same tag was reaped
struct io_request {
  io_op op = io_op::read;
  std::uint32_t file = 0;  ///< index into queue_setup::files
  std::uint64_t offset = 0;
  std::span<std::byte> memory;
  std::uint64_t tag = 0;
};

struct io_completion {
  std::uint64_t tag = 0;
  std::int64_t result = 0;  ///< bytes moved, or a negative errno
};

struct queue_setup {
  std::span<const int> files;                        ///< open descriptors, borrowed
  std::span<const std::span<std::byte>> registered;  ///< memory worth registering with the kernel
  std::uint32_t depth = 0;                           ///< most requests under way at once
};

class io_queue {
 public:
  virtual ~io_queue() = default;

  /// The mechanism and what of it is degraded, for reports.
  virtual std::string description() const = 0;

  /// Hands over requests; their order of service is not promised.
  virtual void submit(std::span<const io_request> batch) = 0;

  /// Takes finished requests, waiting up to `limit` for the first; returns how many were written to
  /// `into`. Zero after a wake() or when time is up.
  virtual std::size_t reap(std::span<io_completion> into, nanoseconds limit) = 0;

  /// Ends a reap() that waits, or the next one that would.
  ///
  /// Threads: any
  virtual void wake() = 0;
};

/// Opens a queue in the calling thread, or says why it cannot.
using queue_opener = std::function<result<std::unique_ptr<io_queue>>(const queue_setup&)>;

}  // namespace ballast::nvme
