// One preallocated file: the disk space behind a part of the store.
//
// Owned by the store. Without a name it is opened with O_TMPFILE (or created and unlinked at once
// where the file system lacks that), so nothing remains of it after any exit; with one it is what a
// checkpoint refers to. Mode 0600; O_DIRECT unless the file system refuses. Its space is reserved
// before it is used: a full disk is an error of make().
#pragma once

#include <ballast/result.hpp>
#include <nvme/file_descriptor.hpp>
#include <nvme/segment_map.hpp>
#include <optional>
#include <string>

namespace ballast::nvme {

/// A folder that exists, is one, is no symbolic link and can be opened.
///
/// Errors: invalid_argument, io_failure; one line each
result<file_descriptor> open_directory(const std::string& path);

/// What its file system would still give to this process; nothing where it tells no size.
std::optional<bytes> free_space(const file_descriptor& directory);

/// Whether `size` bytes are free there. Asked first, because a reservation that fails half way has
/// filled the disk of everyone else for a moment.
///
/// Errors: no_space with the size and what is free
status check_space(const file_descriptor& directory, const std::string& path, bytes size);

/// How a new segment is opened: for requests of whole sectors past the page cache, where the file system
/// allows it, or for any range, through it. On a folder in memory both are the same copy.
enum class segment_access : std::uint8_t { direct, buffered };

class segment {
 public:
  /// A new file in `directory`, whose path is for messages; an empty name leaves none behind.
  ///
  /// Errors: no_space with size and what is free; io_failure, also for a name that exists
  static result<segment> make(const file_descriptor& directory, const std::string& path,
                              const std::string& name, bytes size, std::size_t index,
                              segment_access how = segment_access::direct);
  /// One that is there, to be read.
  ///
  /// Errors: io_failure where it is missing, a link, or shorter than `size`
  static result<segment> open(const std::string& path, bytes size);

  int descriptor() const { return file_.get(); }
  const std::string& name() const { return name_; }
  bytes size() const { return size_; }
  const io_alignment& alignment() const { return alignment_; }
  /// Empty, or what of the above the file system refused.
  const std::string& note() const { return note_; }

 private:
  segment() = default;

  status create(const file_descriptor& directory, const std::string& name, segment_access how);
  void choose_alignment();
  status preallocate();
  failure failed(int error, std::string_view doing) const;

  file_descriptor file_;
  std::string directory_;
  std::string name_;
  bytes size_;
  bool direct_ = false;
  io_alignment alignment_;
  std::string note_;
};

/// Reserves space the long way, where there is no fallocate.
///
/// Returns: 0, or errno
int write_zeros(int descriptor, bytes size);

}  // namespace ballast::nvme
