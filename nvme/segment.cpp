#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <nvme/errno_translator.hpp>
#include <nvme/segment.hpp>
#include <nvme/signal_guard.hpp>
#include <nvme/staging.hpp>

namespace ballast::nvme {

namespace {

constexpr mode_t file_mode = 0600;
constexpr bytes zeros_size{std::uint64_t{1} << 20};

/// "/data/" and "/data" are one folder; with the slash O_NOFOLLOW would follow a link.
std::string without_trailing_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool lacks_unnamed_files(int error) {
  return error == EOPNOTSUPP || error == EISDIR || error == ENOENT || error == EINVAL;
}

/// A file under a name nobody else has, and the name gone again.
int create_and_unlink(int directory, int flags) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return -1;
    const std::string name = fmt::format(".ballast-{:016x}", number);
    const int made =
        ::openat(directory, name.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW, file_mode);
    if (made >= 0) ::unlinkat(directory, name.c_str(), 0);
    if (made >= 0 || errno != EEXIST) return made;
  }
  return -1;
}

int create_file(int directory, const std::string& name, int flags) {
  if (!name.empty()) {
    return ::openat(directory, name.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW, file_mode);
  }

  const int made = ::openat(directory, ".", flags | O_TMPFILE | O_EXCL, file_mode);
  if (made >= 0 || !lacks_unnamed_files(errno)) return made;
  return create_and_unlink(directory, flags);
}

}  // namespace

result<file_descriptor> open_directory(const std::string& path) {
  const std::string folder = without_trailing_slash(path);
  struct stat seen {};
  if (::lstat(folder.c_str(), &seen) != 0) {
    const int error = errno;
    auto problem = make_failure(error, fmt::format("NVMe folder {}", folder));
    if (error == ENOENT) problem.message += "; create it first (mkdir -m 700)";
    problem.code = errc::invalid_argument;
    return problem;
  }
  if (S_ISLNK(seen.st_mode)) {
    return failure{errc::invalid_argument,
                   fmt::format("NVMe folder {} is a symbolic link; give its target", folder)};
  }
  if (!S_ISDIR(seen.st_mode)) {
    return failure{errc::invalid_argument, fmt::format("NVMe folder {} is not a folder", folder)};
  }
  file_descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.valid()) return make_failure(errno, fmt::format("NVMe folder {}", folder));
  return opened;
}

std::optional<bytes> free_space(const file_descriptor& directory) {
  struct statvfs seen {};
  if (::fstatvfs(directory.get(), &seen) != 0 || seen.f_blocks == 0) return std::nullopt;
  return bytes{std::uint64_t{seen.f_bavail} * seen.f_frsize};
}

status check_space(const file_descriptor& directory, const std::string& path, bytes size) {
  const auto free = free_space(directory);
  // A file system that tells no size at all is asked by the reservation.
  if (!free || size <= *free) return {};
  return make_failure(ENOSPC, fmt::format("NVMe folder {}: {} bytes wanted, {} free", path,
                                          size.value, free->value));
}

result<segment> segment::make(const file_descriptor& directory, const std::string& path,
                              const std::string& name, bytes size, std::size_t index,
                              segment_access how) {
  const signal_guard no_death_by_file_size;
  segment made;
  made.directory_ = path;
  made.name_ = fmt::format("{}/{}", without_trailing_slash(path),
                           name.empty() ? fmt::format("(unnamed segment {})", index) : name);
  made.size_ = size;
  if (auto created = made.create(directory, name, how); !created) return created.error();
  made.choose_alignment();
  if (how == segment_access::buffered) made.note_ = "buffered";
  if (auto reserved = made.preallocate(); !reserved) return reserved.error();
  return made;
}

result<segment> segment::open(const std::string& path, bytes size) {
  segment found;
  found.name_ = path;
  found.size_ = size;
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
  found.file_ = file_descriptor(::open(path.c_str(), flags | O_DIRECT));
  found.direct_ = found.file_.valid();
  if (!found.direct_ && errno == EINVAL) found.file_ = file_descriptor(::open(path.c_str(), flags));
  struct stat seen {};
  if (!found.file_.valid() || ::fstat(found.file_.get(), &seen) != 0) {
    return found.failed(errno, "opening");
  }
  if (!S_ISREG(seen.st_mode) || bytes{static_cast<std::uint64_t>(seen.st_size)} < size) {
    return failure{errc::io_failure, fmt::format("{}: {} bytes wanted, {} are there", path,
                                                 size.value, seen.st_size)};
  }
  found.choose_alignment();
  return found;
}

status segment::create(const file_descriptor& directory, const std::string& name,
                       segment_access how) {
  const bool wanted = how == segment_access::direct;
  if (wanted) {
    file_ = file_descriptor(create_file(directory.get(), name, O_RDWR | O_CLOEXEC | O_DIRECT));
  }
  direct_ = file_.valid();
  if (!direct_ && (!wanted || errno == EINVAL)) {
    if (wanted && !name.empty())
      ::unlinkat(directory.get(), name.c_str(), 0);  // left by the refused open
    file_ = file_descriptor(create_file(directory.get(), name, O_RDWR | O_CLOEXEC));
  }
  if (!file_.valid()) return failed(errno, "creating");
  return {};
}

void segment::choose_alignment() {
  struct statx seen {};
  const bool told = ::statx(file_.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &seen) == 0 &&
                    (seen.stx_mask & STATX_DIOALIGN) != 0;
  const bool usable =
      seen.stx_dio_offset_align != 0 && seen.stx_dio_offset_align <= alignment_.extent.value;
  if (direct_ && told && !usable) {
    // Opened so, but requests would be refused, or buffered all the same.
    ::fcntl(file_.get(), F_SETFL, ::fcntl(file_.get(), F_GETFL) & ~O_DIRECT);
    direct_ = false;
  }
  if (!direct_) {
    note_ = "buffered (the file system refuses O_DIRECT: state passes through the page cache)";
    return;
  }
  alignment_.sector = told ? bytes{seen.stx_dio_offset_align} : alignment_.extent;
  alignment_.memory = told ? bytes{std::max(seen.stx_dio_mem_align, 1u)} : alignment_.extent;
}

status segment::preallocate() {
  int error = 0;
  do {
    error = ::fallocate(file_.get(), 0, 0, static_cast<off_t>(size_.value)) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error == EOPNOTSUPP || error == ENOSYS) error = write_zeros(file_.get(), size_);
  if (error == 0) return {};
  return failed(error, "reserving");
}

failure segment::failed(int error, std::string_view doing) const {
  return make_failure(error, fmt::format("{} {} of {} bytes", doing, name_, size_.value));
}

int write_zeros(int descriptor, bytes size) {
  auto zeros = staging::make(zeros_size, 1);  // aligned, as O_DIRECT wants it
  if (!zeros) return ENOMEM;
  for (bytes done{0}; done < size;) {
    const bytes step = std::min(zeros_size, size - done);
    const ssize_t wrote =
        ::pwrite(descriptor, zeros->memory().data(), step.value, static_cast<off_t>(done.value));
    if (wrote < 0 && errno != EINTR) return errno;
    // A short write ends before what refuses the rest; the next one says what that is.
    if (wrote > 0) done += bytes{static_cast<std::uint64_t>(wrote)};
  }
  return 0;
}

}  // namespace ballast::nvme
