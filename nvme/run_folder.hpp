// The folder of one run's named segments: PATH/ballast-<run>/, made and locked by the run, found
// again by a resumed one, and removed when no checkpoint refers to it.
//
//   ballast-<16 hex digits>/   0700, flock()ed for as long as a process uses it
//     checkpoints              the absolute path of the folder whose manifests may refer to this run,
//                              and that folder's inode and time of birth: another folder that has
//                              its path later says nothing of this run
//     segment-0, segment-1 ... 0600, preallocated
//
// A folder that nobody locks and no manifest names is garbage: its process died before a commit. A
// new one is that too for a moment: who makes it and who collects it look, once they hold the lock,
// whether the folder is still the one at its path, and one that was collected is made again.
#pragma once

#include <ballast/result.hpp>
#include <nvme/file_descriptor.hpp>
#include <string>
#include <vector>

namespace ballast::nvme {

/// 16 hexadecimal digits, as folders and manifests spell a run.
std::string spell_run(std::uint64_t run);

class run_folder {
 public:
  /// Makes and locks it; `parent` exists. `checkpoints` is an absolute path. Others may collect dead
  /// runs there at the same time.
  ///
  /// Errors: io_failure, no_space
  static result<run_folder> create(const std::string& parent, std::uint64_t run,
                                   const std::string& checkpoints);

  const std::string& path() const { return path_; }
  /// The folder, open, and with it the lock.
  file_descriptor take_lock() { return std::move(folder_); }

 private:
  file_descriptor folder_;
  std::string path_;
};

/// Where a run's folder is.
std::string run_path(const std::string& parent, std::uint64_t run);

/// Whether a path is spelled as this run's folder.
bool is_folder_of(const std::string& path, std::uint64_t run);

/// Makes the names of the files in it durable.
status sync_folder(const file_descriptor& folder, const std::string& path);

/// Removes the folders of dead runs in `parent` that no manifest refers to. What it cannot judge it
/// leaves, with a line each in the result.
std::vector<std::string> collect_dead_runs(const std::string& parent);

/// Removes a run's folder and what is in it, unless a process holds it.
///
/// Errors: io_failure; wrong_order while it is locked
status remove_run(const std::string& path);

}  // namespace ballast::nvme
