#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nvme/errno_translator.hpp>
#include <nvme/run_folder.hpp>
#include <nvme/store_files.hpp>

namespace ballast::nvme {

namespace files = std::filesystem;

/// The folder of a kept run's segments and the segments, or one named file, or unnamed ones.
result<nvme_path::files> make_files(const store_options& options, const std::string& parent,
                                    bytes size, std::uint64_t run) {
  auto directory = open_directory(parent);
  if (!directory) return directory.error();
  nvme_path::files made;
  std::string inside = parent;
  const file_descriptor* into = &*directory;
  if (!options.checkpoints.empty()) {
    if (auto room = check_space(*directory, parent, size); !room) return room.error();
    auto folder = run_folder::create(files::absolute(parent), run,
                                     files::absolute(options.checkpoints).lexically_normal());
    if (!folder) return folder.error();
    inside = folder->path();
    made.lock = folder->take_lock();
    into = &made.lock;
  } else if (auto room = check_space(*directory, parent, size); !room) {
    return room.error();
  }
  made.segment_size = options.segment_limit;
  made.size = size;
  for (bytes begin{0}; begin < size; begin += options.segment_limit) {
    const std::string name = !options.checkpoints.empty()
                                 ? fmt::format("segment-{}", made.segments.size())
                                 : options.name;
    const auto how =
        options.backend == io_backend::inlined ? segment_access::buffered : segment_access::direct;
    auto one = segment::make(*into, inside, name, std::min(size - begin, options.segment_limit),
                             made.segments.size(), how);
    if (!one) return one.error();
    if (!name.empty()) made.names.push_back(files::absolute(files::path(inside) / name));
    made.segments.push_back(*std::move(one));
  }
  if (!made.names.empty()) {
    if (auto synced = sync_folder(*into, inside); !synced) return synced.error();
  }
  return made;
}

result<nvme_path::files> find_files(const stored_files& record) {
  nvme_path::files found;
  found.segment_size = record.segment_size;
  found.size = record.size;
  found.names = record.paths;
  bytes left = record.size;
  for (const std::string& path : record.paths) {
    const bytes length = std::min(left, record.segment_size);
    auto one = segment::open(path, length);
    if (!one) return one.error();
    found.segments.push_back(*std::move(one));
    left = left - length;
  }
  if (found.segments.empty() || left > bytes{0}) {
    return failure{errc::invalid_argument, "a store's record names no files for all of its bytes"};
  }
  // No lock: whoever reads a checkpoint holds its folder, and what a manifest names is not collected.
  return found;
}

status remove_files(const stored_files& record, std::uint64_t run) {
  for (const std::string& path : record.paths) {
    const std::string folder = files::path(path).parent_path();
    if (is_folder_of(folder, run)) return remove_run(folder);
  }
  return {};
}

}  // namespace ballast::nvme
