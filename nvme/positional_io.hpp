// Moves bytes of a path's files in the calling thread: the way of workers that bring a tile's slices
// themselves, where a folder is as fast as memory (tmpfs, DAX). The same rules as the loop's: requests
// inside one file, short ones continue, EINTR and EAGAIN retry, anything else is a typed error.
//
// Owned by a path, whose files are buffered: any range at any address may be moved. Bounded: nothing
// is allocated, a thread has one request under way. Nobody watches for its age: a thread that a dead
// file system does not let go cannot say so.
#pragma once

#include <nvme/io_queue.hpp>
#include <nvme/segment_map.hpp>

namespace ballast::nvme {

/// Moves what it can of one read or write, and returns as a completion would: bytes, or a negative
/// errno.
///
/// Threads: any
using io_performer = std::function<std::int64_t(const io_request&)>;

/// The seam, as queue_opener is the loop's: wrap it to put faults behind workers.
using performer_opener = std::function<result<io_performer>(std::span<const int> files)>;

/// pread and pwrite.
result<io_performer> open_posix_performer(std::span<const int> files);

class positional_io {
 public:
  /// `map` outlives it.
  positional_io(const segment_map& map, bytes request_limit, io_performer perform)
      : map_(map), request_limit_(request_limit), perform_(std::move(perform)) {}

  /// Moves all of `memory`, from or to `address` on.
  ///
  /// Threads: any
  /// Errors:  as a link's
  status move(io_op op, std::uint64_t address, std::span<std::byte> memory) const;

 private:
  status move(io_request part) const;

  const segment_map& map_;
  const bytes request_limit_;
  const io_performer perform_;
};

}  // namespace ballast::nvme
