#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nvme/durable_folder.hpp>
#include <nvme/errno_translator.hpp>
#include <nvme/file_descriptor.hpp>
#include <nvme/run_folder.hpp>
#include <nvme/segment.hpp>
#include <nvme/signal_guard.hpp>
#include <optional>

namespace ballast::nvme {

namespace {

namespace files = std::filesystem;

/// Returns: 0, or errno
int write_all(int descriptor, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t wrote = ::write(descriptor, contents.data(), contents.size());
    if (wrote < 0 && errno != EINTR) return errno;
    if (wrote > 0) contents.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

std::string digest_line(std::string_view contents) {
  const XXH128_hash_t hash = XXH3_128bits(contents.data(), contents.size());
  return fmt::format("\nxxh3-128 {:016x}{:016x}\n", hash.high64, hash.low64);
}

/// The contents without their digest; nothing where the two do not fit.
std::optional<std::string> checked(std::string file) {
  const std::size_t line = digest_line("").size();
  if (file.size() < line) return std::nullopt;
  const std::string found = file.substr(file.size() - line);
  file.resize(file.size() - line);
  if (found != digest_line(file)) return std::nullopt;
  return file;
}

class durable_folder final : public checkpoint_folder {
 public:
  durable_folder(file_descriptor folder, std::string path)
      : folder_(std::move(folder)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  std::optional<bytes> room() const override { return free_space(folder_); }
  result<std::vector<std::string>> names() const override;
  result<std::string> read(const std::string& name) const override;
  status commit(const std::string& name, std::string_view contents) override;
  status remove(const std::string& name) override;

 private:
  failure failed(int error, std::string_view doing, const std::string& name) const {
    return make_failure(error, fmt::format("{} {}/{}", doing, path_, name));
  }

  const file_descriptor folder_;  ///< carries the lock
  const std::string path_;
};

result<std::vector<std::string>> durable_folder::names() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : files::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with('.') && entry.symlink_status(error).type() == files::file_type::regular) {
      found.push_back(name);
    }
  }
  if (error) return failed(error.value(), "reading the folder", "");
  std::ranges::sort(found);
  return found;
}

result<std::string> durable_folder::read(const std::string& name) const {
  const file_descriptor file(
      ::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return failed(errno, "opening", name);
  std::string contents;
  std::string part(std::size_t{1} << 20, '\0');
  for (;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno, "reading", name);
    if (got == 0) break;
    contents.append(part, 0, static_cast<std::size_t>(got));
  }
  if (auto whole = checked(std::move(contents))) return *std::move(whole);
  return failure{errc::corrupted,
                 fmt::format("{}/{} is not what was written: its digest differs", path_, name)};
}

status durable_folder::commit(const std::string& name, std::string_view contents) {
  const signal_guard no_death_by_file_size;
  const std::string unfinished = "." + name;
  {
    const file_descriptor file(::openat(folder_.get(), unfinished.c_str(),
                                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                        0600));
    if (!file.valid()) return failed(errno, "creating", unfinished);
    int error = write_all(file.get(), contents);
    if (error == 0) error = write_all(file.get(), digest_line(contents));
    if (error != 0) {
      return failed(error, "writing", unfinished);
    }
    if (::fsync(file.get()) != 0) return failed(errno, "sync of", unfinished);
  }
  if (::renameat(folder_.get(), unfinished.c_str(), folder_.get(), name.c_str()) != 0) {
    return failed(errno, "renaming", unfinished);
  }
  return sync_folder(folder_, path_);
}

status durable_folder::remove(const std::string& name) {
  if (::unlinkat(folder_.get(), name.c_str(), 0) != 0) {
    return errno == ENOENT ? status() : status(failed(errno, "removing", name));
  }
  return sync_folder(folder_, path_);
}

}  // namespace

result<std::unique_ptr<checkpoint_folder>> open_durable_folder(const std::string& path) {
  std::error_code error;
  const bool there = files::exists(path, error);
  if (!there) {
    if (::mkdir(path.c_str(), 0700) != 0) {
      return make_failure(errno, fmt::format("creating the folder {}", path));
    }
    const std::string parent = files::absolute(path).lexically_normal().parent_path();
    const file_descriptor above(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (auto synced = sync_folder(above, parent); !synced) return synced.error();
  }
  const std::string absolute = files::canonical(path, error);
  file_descriptor folder(::open(absolute.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (error || !folder.valid()) {
    return failure{errc::invalid_argument, fmt::format("{} is no folder for checkpoints: {}", path,
                                                       errno_name(error ? error.value() : errno))};
  }
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    return failure{errc::invalid_argument,
                   fmt::format("{} is in use by another run; wait for its end, or give "
                               "--checkpoint another folder",
                               absolute)};
  }
  for (const auto& entry : files::directory_iterator(absolute, error)) {
    if (std::string(entry.path().filename()).starts_with(".manifest-")) {
      files::remove(entry.path(), error);
    }
  }
  return std::unique_ptr<checkpoint_folder>(
      std::make_unique<durable_folder>(std::move(folder), absolute));
}

}  // namespace ballast::nvme
