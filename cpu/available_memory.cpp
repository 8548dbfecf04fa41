#include <algorithm>
#include <cpu/available_memory.hpp>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace ballast::cpu {
namespace {

namespace fs = std::filesystem;

/// The number in a file that holds nothing else; nullopt for "max" or no file.
std::optional<std::uint64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

/// The number behind `key` in a file of "key number" lines.
std::optional<std::uint64_t> read_field(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    std::uint64_t number = 0;
    if (word == key && file >> number) return number;
    file.clear();
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

/// This process's group under `controller` ("" is version 2), as /proc/self/cgroup names it.
std::optional<std::string> group_of(const fs::path& root, const std::string& controller) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return line.substr(second + 1);
  }
  return std::nullopt;
}

struct group_files {
  const char* limit;
  const char* used;
  const char* active_file;
  const char* inactive_file;
};

/// Lowers `found` to what the group at `start` and its parents up to `mount` leave.
void apply_groups(const fs::path& mount, const std::string& start, const group_files& files,
                  available_memory& found) {
  for (fs::path group = fs::path(start).relative_path();; group = group.parent_path()) {
    const fs::path folder = mount / group;
    const auto limit = read_number(folder / files.limit);
    const auto used = read_number(folder / files.used);
    if (limit && used) {
      const std::uint64_t cache =
          read_field(folder / "memory.stat", files.active_file).value_or(0) +
          read_field(folder / "memory.stat", files.inactive_file).value_or(0);
      const std::uint64_t held = *used - std::min(*used, cache);
      const bytes left{*limit - std::min(*limit, held)};
      if (left < found.amount) found = {left, "the control group /" + group.string()};
    }
    if (group.empty()) return;
  }
}

}  // namespace

available_memory find_available_memory(const fs::path& root) {
  available_memory found = {{std::numeric_limits<std::uint64_t>::max()}, "nothing known"};
  if (const auto kib = read_field(root / "proc/meminfo", "MemAvailable:")) {
    found = {{*kib << 10}, "the machine"};
  }
  const fs::path mount = root / "sys/fs/cgroup";
  if (const auto group = group_of(root, "")) {
    apply_groups(mount, *group, {"memory.max", "memory.current", "active_file", "inactive_file"},
                 found);
  }
  if (const auto group = group_of(root, "memory")) {
    apply_groups(mount / "memory", *group,
                 {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file",
                  "total_inactive_file"},
                 found);
  }
  return found;
}

}  // namespace ballast::cpu
