#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nvme/errno_translator.hpp>
#include <nvme/run_folder.hpp>
#include <sstream>

namespace ballast::nvme {

namespace {

namespace files = std::filesystem;

constexpr std::string_view prefix = "ballast-";
constexpr std::string_view owner_file = "checkpoints";
constexpr std::string_view manifest_prefix = "manifest-";

failure failed(int error, std::string_view doing, const std::string& path) {
  return make_failure(error, fmt::format("{} {}", doing, path));
}

status write_owner(const file_descriptor& folder, const std::string& path,
                   const std::string& checkpoints) {
  const file_descriptor owner(::openat(folder.get(), std::string(owner_file).c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string line = checkpoints + "\n";
  if (!owner.valid() ||
      ::write(owner.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(owner.get()) != 0) {
    return failed(errno != 0 ? errno : EIO, "writing the owner of", path);
  }
  return {};
}

bool is_run(const std::string& name) {
  return name.size() == prefix.size() + 16 && name.starts_with(prefix) &&
         name.find_first_not_of("0123456789abcdef", prefix.size()) == std::string::npos;
}

std::string contents(const files::path& of) {
  std::ifstream stream(of, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

enum class verdict { referred, garbage, unknown };

/// Whether a manifest in the run's folder of checkpoints names the run.
verdict judge_run(const files::path& folder, const std::string& run) {
  std::string checkpoints = contents(folder / owner_file);
  while (!checkpoints.empty() && checkpoints.back() == '\n') checkpoints.pop_back();
  // Killed before it said whose it is: nothing can refer to it.
  if (checkpoints.empty()) return verdict::garbage;
  std::error_code error;
  files::directory_iterator each(checkpoints, error);
  if (error) return verdict::unknown;  // not mounted, perhaps
  for (const auto& entry : each) {
    const std::string name = entry.path().filename();
    if (name.starts_with(manifest_prefix) &&
        contents(entry.path()).find(run) != std::string::npos) {
      return verdict::referred;
    }
  }
  return verdict::garbage;
}

/// The folder, if nobody else uses it.
file_descriptor lock_idle(const std::string& path) {
  file_descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (folder.valid() && ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return folder;
}

}  // namespace

bool is_run_folder(const std::string& path) { return is_run(files::path(path).filename()); }

std::string spell_run(std::uint64_t run) { return fmt::format("{:016x}", run); }

result<run_folder> run_folder::create(const std::string& parent, std::uint64_t run,
                                      const std::string& checkpoints) {
  run_folder made;
  made.path_ = (files::path(parent) / (std::string(prefix) + spell_run(run))).lexically_normal();
  if (::mkdir(made.path_.c_str(), 0700) != 0) return failed(errno, "creating", made.path_);
  made.folder_ =
      file_descriptor(::open(made.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!made.folder_.valid() || ::flock(made.folder_.get(), LOCK_EX | LOCK_NB) != 0) {
    return failed(errno, "locking", made.path_);
  }
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
    switch (judge_run(entry.path(), name.substr(prefix.size()))) {
      case verdict::referred: break;
      case verdict::garbage: files::remove_all(entry.path(), error); break;
      case verdict::unknown:
        notes.push_back(fmt::format(
            "{} belongs to checkpoints in a folder that cannot be read; it stays, remove it by "
            "hand if they are gone",
            entry.path().string()));
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
