// ballast::store on a disk: segments in a folder, one loop, digests in memory.
//
// A write whose bytes were not stamped before leaves the old digests in force; that is how a test
// damages what is on disk.
#pragma once

#include <ballast/config.hpp>
#include <ballast/store.hpp>
#include <nvme/digest_table.hpp>
#include <nvme/io_loop.hpp>
#include <nvme/positional_io.hpp>
#include <nvme/segment.hpp>

namespace ballast::nvme {

/// A folder for a part of the extents.
struct store_folder {
  std::string directory;
  std::optional<bytes> most = {};  ///< that may be used there
  std::optional<double> bandwidth =
      {};  ///< relative to the others'; absent: measured where several
};

struct store_options {
  std::vector<store_folder> folders;
  /// Segments get names, in a folder of this run in each of them, for checkpoints in the folder named
  /// here; empty: nothing remains of them.
  std::string checkpoints = {};
  /// The one segment gets this name in the one folder itself.
  std::string name = {};
  bytes size;                ///< of all extents together; reserved on disk at once
  bytes spare = {};          ///< in each of several folders beyond its share: two extents
  std::uint32_t slices = 0;  ///< of all extents together
  const clock& time;         ///< outlives the store
  /// `inlined`: move() of the links moves bytes in the calling thread, and files are buffered.
  io_backend backend = io_backend::automatic;
  bytes request{4u << 20};   ///< longest request; a multiple of 4096 below 1 GiB
  std::uint32_t depth = 16;  ///< requests under way in each folder, at least 1
  nanoseconds deadline = std::chrono::seconds(30);  ///< an I/O older than this is reported
  note_sink on_note = {};                           ///< of late I/O; empty: stderr
  std::uint32_t staging_buffers = 16;           ///< of 1 MiB, for memory that is not moved as it is
  std::span<std::byte> arena = {};              ///< as loop_options'
  bytes segment_limit{std::uint64_t{1} << 40};  ///< longest file; a multiple of 4096
  queue_opener open_queue = {};                 ///< instead of `backend`'s: faults, simulations
  performer_opener open_positional = {};        ///< the same, where it is `inlined`
};

/// Opens a store, its space reserved.
///
/// Errors: invalid_argument: a folder is missing, a link, none, the size is zero, or requests
///         cannot be so long or so many;
///         no_space: a folder's file system is smaller than its share, or what may be used of all
///         of them than the size; io_failure;
///         unsupported: the backend asked for is refused here
result<std::unique_ptr<store>> make_store(const store_options& options);

/// Opens what an earlier process kept, to be read; of the options those of size and place are
/// ignored.
///
/// Errors: io_failure where a file is missing or too short; invalid_argument for a record of nothing
result<std::unique_ptr<store>> open_store(const store_options& options, const store_record& record);

/// Removes a kept store's folders. A store's one named file is its folder's owner's to remove.
///
/// Errors: io_failure; wrong_order while another process uses them
status remove_store(const store_record& record);

}  // namespace ballast::nvme
