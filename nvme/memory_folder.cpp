#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <nvme/file_descriptor.hpp>
#include <nvme/memory_folder.hpp>

namespace ballast::nvme {

namespace {

/// A folder does not say it: a file in it does.
bool is_dax(const std::string& directory) {
  const file_descriptor probe(
      ::open(directory.c_str(), O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600));
  struct statx seen {};
  return probe.valid() && ::statx(probe.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &seen) == 0 &&
         (seen.stx_attributes & STATX_ATTR_DAX) != 0;
}

}  // namespace

std::string memory_behind(const std::string& directory) {
  struct statfs seen {};
  if (::statfs(directory.c_str(), &seen) != 0) return {};
  // Not hugetlbfs: its files cannot be written.
  switch (seen.f_type) {
    case TMPFS_MAGIC: return "tmpfs";
    case RAMFS_MAGIC: return "ramfs";
    default: return is_dax(directory) ? "DAX" : "";
  }
}

}  // namespace ballast::nvme
