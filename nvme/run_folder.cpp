#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nvme/errno_translator.hpp>
#include <nvme/run_folder.hpp>
#include <nvme/signal_guard.hpp>
#include <optional>
#include <thread>

namespace ballast::nvme {

namespace {

namespace files = std::filesystem;

constexpr std::string_view prefix = "ballast-";
constexpr std::string_view owner_file = "checkpoints";
constexpr std::string_view manifest_prefix = "manifest-";

failure failed(int error, std::string_view doing, const std::string& path) {
  return make_failure(error, fmt::format("{} {}", doing, path));
}

/// What tells a folder from another one that has its path later; empty where there is none.
std::string identity_of(const std::string& folder) {
  struct statx seen {};
  if (::statx(AT_FDCWD, folder.c_str(), 0, STATX_INO | STATX_BTIME, &seen) != 0) return {};
  const bool born = (seen.stx_mask & STATX_BTIME) != 0;
  return fmt::format("{} {}.{:09}", seen.stx_ino, born ? seen.stx_btime.tv_sec : 0,
                     born ? seen.stx_btime.tv_nsec : 0);
}

status write_owner(const file_descriptor& folder, const std::string& path,
                   const std::string& checkpoints) {
  const file_descriptor owner(::openat(folder.get(), std::string(owner_file).c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string lines = checkpoints + "\n" + identity_of(checkpoints) + "\n";
  if (!owner.valid() ||
      ::write(owner.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()) ||
      ::fsync(owner.get()) != 0) {
    return failed(errno != 0 ? errno : EIO, "writing the owner of", path);
  }
  return {};
}

bool is_run(const std::string& name) {
  return name.size() == prefix.size() + 16 && name.starts_with(prefix) &&
         name.find_first_not_of("0123456789abcdef", prefix.size()) == std::string::npos;
}

/// Nothing where it cannot be read.
std::optional<std::string> contents(const files::path& of) {
  std::ifstream stream(of, std::ios::binary);
  std::string text;
  std::string part(std::size_t{1} << 16, '\0');
  while (stream.read(part.data(), static_cast<std::streamsize>(part.size())), stream.gcount() > 0) {
    text.append(part, 0, static_cast<std::size_t>(stream.gcount()));
  }
  return stream.is_open() && !stream.bad() ? std::optional(std::move(text)) : std::nullopt;
}

enum class verdict { referred, garbage, unknown };

/// Whether a manifest in the run's folder of checkpoints names the run. `checkpoints` is that
/// folder's path, where the run says it.
verdict judge_run(const files::path& folder, const std::string& run, std::string& checkpoints) {
  std::error_code error;
  const auto owner = contents(folder / owner_file);
  if (!owner) {
    // Killed before it said whose it is: nothing can refer to it.
    const bool none = !files::exists(folder / owner_file, error) && !error;
    return none ? verdict::garbage : verdict::unknown;
  }
  const auto end = owner->find('\n');
  checkpoints = owner->substr(0, end);
  if (end == std::string::npos) return verdict::garbage;
  // Moved away, and another one made in its place: the manifests there say nothing of this run.
  if (owner->substr(end + 1) != identity_of(checkpoints) + "\n") return verdict::unknown;
  files::directory_iterator each(checkpoints, error);
  for (; !error && each != files::directory_iterator(); each.increment(error)) {
    if (!each->path().filename().string().starts_with(manifest_prefix)) continue;
    const auto manifest = contents(each->path());
    if (!manifest) return verdict::unknown;
    if (manifest->find(run) != std::string::npos) return verdict::referred;
  }
  return error ? verdict::unknown : verdict::garbage;  // not mounted, perhaps
}

/// Whether an open folder is the one that has the path now: between open() and flock() another
/// process may have removed it, and a third one made its own there.
bool is_at(const file_descriptor& folder, const std::string& path) {
  struct stat open_one {};
  struct stat at_path {};
  return ::fstat(folder.get(), &open_one) == 0 && ::lstat(path.c_str(), &at_path) == 0 &&
         open_one.st_dev == at_path.st_dev && open_one.st_ino == at_path.st_ino;
}

/// The folder, if nobody else uses it.
file_descriptor lock_idle(const std::string& path) {
  file_descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!folder.valid() || ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) return {};
  if (!is_at(folder, path)) return {};
  return folder;
}

constexpr int attempts = 200;
constexpr auto patience = std::chrono::milliseconds(10);

/// A new folder, locked. Until it is, whoever collects takes it for a dead run's: then it is made
/// again.
result<file_descriptor> make_locked(const std::string& path) {
  for (int i = 0; i < attempts; ++i) {
    const bool again = i > 0;
    if (::mkdir(path.c_str(), 0700) != 0 && !(again && errno == EEXIST)) {
      return failed(errno, "creating", path);
    }
    file_descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!folder.valid() && errno != ENOENT) return failed(errno, "opening", path);
    if (folder.valid()) {
      const bool locked = ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0;
      if (locked && is_at(folder, path)) return folder;
      if (!locked && errno != EWOULDBLOCK) return failed(errno, "locking", path);
    }
    std::this_thread::sleep_for(patience);
  }
  return failure{errc::io_failure,
                 fmt::format("another process holds or removes {}, which was just made", path)};
}

}  // namespace

std::string spell_run(std::uint64_t run) { return fmt::format("{:016x}", run); }

std::string run_path(const std::string& parent, std::uint64_t run) {
  return (files::path(parent) / (std::string(prefix) + spell_run(run))).lexically_normal();
}

bool is_folder_of(const std::string& path, std::uint64_t run) {
  return files::path(path).filename() == std::string(prefix) + spell_run(run);
}

result<run_folder> run_folder::create(const std::string& parent, std::uint64_t run,
                                      const std::string& checkpoints) {
  const signal_guard no_death_by_file_size;
  run_folder made;
  made.path_ = run_path(parent, run);
  auto locked = make_locked(made.path_);
  if (!locked) return locked.error();
  made.folder_ = *std::move(locked);
  if (auto owned = write_owner(made.folder_, made.path_, checkpoints); !owned) return owned.error();
  const file_descriptor above(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (auto synced = sync_folder(above, parent); !synced) return synced.error();
  return made;
}

status sync_folder(const file_descriptor& folder, const std::string& path) {
  if (folder.valid() && ::fsync(folder.get()) == 0) return {};
  return failed(errno, "sync of the folder", path);
}

std::vector<std::string> collect_dead_runs(const std::string& parent) {
  std::vector<std::string> notes;
  std::error_code error;
  for (const auto& entry : files::directory_iterator(parent, error)) {
    const std::string name = entry.path().filename();
    if (!is_run(name) || !entry.is_directory(error) || entry.is_symlink(error)) continue;
    const file_descriptor idle = lock_idle(entry.path());
    if (!idle.valid()) continue;  // at work
    std::string checkpoints;
    switch (judge_run(entry.path(), name.substr(prefix.size()), checkpoints)) {
      case verdict::referred: break;
      case verdict::garbage: files::remove_all(entry.path(), error); break;
      case verdict::unknown:
        notes.push_back(fmt::format(
            "{} belongs to checkpoints that were in {} and cannot be read there (moved, or not "
            "mounted?); it stays, remove it by hand if they are gone",
            entry.path().string(), checkpoints));
    }
  }
  return notes;
}

status remove_run(const std::string& path) {
  if (!is_run(files::path(path).filename())) {
    return failure{errc::invalid_argument, fmt::format("{} is no run's folder", path)};
  }
  std::error_code error;
  if (!files::exists(path, error)) return {};
  const file_descriptor idle = lock_idle(path);
  if (!idle.valid()) {
    return failure{errc::wrong_order, fmt::format("{} is in use by another process", path)};
  }
  files::remove_all(path, error);
  return error ? status(failed(error.value(), "removing", path)) : status();
}

}  // namespace ballast::nvme
