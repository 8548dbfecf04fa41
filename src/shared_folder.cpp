#include "shared_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

namespace ballast {
namespace {

constexpr std::string_view manifest_prefix = "manifest-";
constexpr std::string_view state_prefix = "state-";

std::string name_of(std::string_view prefix, std::uint64_t number) {
  return fmt::format("{}{:012}", prefix, number);
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> number_in(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? number_in(name.substr(prefix.size())) : std::nullopt;
}

/// Whether a file could be a rank's of a checkpoint.
bool is_state(std::string_view name) {
  if (!name.starts_with(state_prefix)) {
    return false;
  }
  name.remove_prefix(state_prefix.size());
  const std::size_t dash = name.find('-');
  return number_in(name.substr(0, dash)) && (dash == name.npos || number_in(name.substr(dash + 1)));
}

bool refers_to(const manifest& of, const std::string& path) {
  return std::ranges::any_of(of.stores, [&](const store_record& store) {
    return std::ranges::any_of(store.files, [&](const stored_files& part) {
      return std::ranges::count(part.paths, path) > 0;
    });
  });
}

using named_texts = std::vector<std::pair<std::string, std::string>>;

/// Names and texts as one text, and the way back.
std::string framed(const named_texts& files) {
  std::string text;
  for (const auto& [name, contents] : files) {
    text += fmt::format("{} {}\n{}", name, contents.size(), contents);
  }
  return text;
}

named_texts unframed(std::string_view text) {
  named_texts files;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::size_t line = text.find('\n');
    const auto size = number_in(text.substr(space + 1, line - space - 1));
    require(size.has_value(), "rank 0 has framed what it sent");
    files.emplace_back(text.substr(0, space), text.substr(line + 1, *size));
    text.remove_prefix(line + 1 + *size);
  }
  return files;
}

}  // namespace

result<std::unique_ptr<shared_folder>> shared_folder::make(
    std::unique_ptr<checkpoint_folder> folder, peers& ranks) {
  std::unique_ptr<shared_folder> made(new shared_folder(std::move(folder), ranks));
  const auto paths = ranks.gather_text(made->folder_ ? made->folder_->path() : "");
  if (!paths) {
    return paths.error();
  }
  made->path_ = paths->front();
  if (auto seen = made->seen_by_all(); !seen) {
    return seen.error();
  }
  return made;
}

/// Whether it is one folder: where hosts have each their own at that path, nothing that the others
/// write is beside the manifest.
status shared_folder::seen_by_all() const {
  if (peers_.alone()) {
    return {};
  }
  const std::string mark = "ranks-look-for-this";
  if (auto marked = peers_.agree(folder_ ? folder_->commit(mark, path_) : status()); !marked) {
    return marked;
  }
  std::error_code error;
  const bool there = std::filesystem::exists(path_ + "/" + mark, error);
  const status seen = peers_.agree(
      there
          ? status()
          : failure{errc::invalid_argument,
                    fmt::format("{} is not the folder that rank 0 has there; give --checkpoint one "
                                "that all hosts share",
                                path_)});
  if (folder_ != nullptr) {
    (void)folder_->remove(mark);
  }
  return seen;
}

std::string shared_folder::state_name(std::uint64_t number, rank of) const {
  const std::string name = name_of(state_prefix, number);
  return peers_.alone() ? name : fmt::format("{}-{}", name, of.value);
}

/// Rank 0 reads them.
result<std::string> shared_folder::read_all() const {
  if (folder_ == nullptr) {
    return std::string();
  }
  const auto names = folder_->names();
  if (!names) {
    return names.error();
  }
  named_texts files;
  for (const std::string& name : *names) {
    if (number_in(name, manifest_prefix)) {
      auto text = folder_->read(name);
      if (!text) {
        return text.error();
      }
      files.emplace_back(name, *std::move(text));
    }
  }
  return framed(files);
}

result<std::vector<shared_folder::numbered>> shared_folder::manifests() const {
  const auto read = read_all();
  if (auto agreed = peers_.agree(read ? status() : status(read.error())); !agreed) {
    return agreed.error();
  }
  const auto texts = peers_.gather_text(*read);
  if (!texts) {
    return texts.error();
  }
  std::vector<numbered> found;
  for (const auto& [name, text] : unframed(texts->front())) {
    auto parsed = manifest::parse(text);
    const status usable = parsed ? resolve(*parsed) : status(parsed.error());
    if (!usable) {
      return failure{usable.error().code,
                     fmt::format("{}/{}: {}", path_, name, usable.error().message)};
    }
    found.push_back({*number_in(name, manifest_prefix), *std::move(parsed)});
  }
  std::ranges::sort(found, {}, &numbered::number);
  return found;
}

status shared_folder::commit(const numbered& of) {
  status committed;
  if (folder_ != nullptr) {
    const std::string name = name_of(manifest_prefix, of.number);
    const auto text = text_of(of.what);
    const auto read = text ? manifest::parse(*text) : result<manifest>(text.error());
    committed = read ? folder_->commit(name, *text) : status(read.error());
    // Whether the name is there nobody knows: it goes, or no further save can be trusted.
    broken_ = !committed && !folder_->remove(name);
  }
  return peers_.agree(committed);
}

status shared_folder::remove_manifest(std::uint64_t number) {
  return peers_.agree(folder_ ? folder_->remove(name_of(manifest_prefix, number)) : status());
}

void shared_folder::remove_states(std::uint64_t number) {
  for (std::uint32_t i = 0; i < peers_.size() && folder_ != nullptr; ++i) {
    (void)folder_->remove(state_name(number, {i}));
  }
  (void)peers_.agree({});  // the number may be used again
}

void shared_folder::remove_files(const store_record& of) {
  for (const stored_files& part : of.files) {
    for (const std::string& path : part.paths) {
      if (folder_ != nullptr && path.starts_with(path_ + "/")) {
        (void)folder_->remove(path.substr(path_.size() + 1));
      }
    }
  }
}

status shared_folder::remove_unreferenced(const std::vector<numbered>& by) {
  return peers_.agree(folder_ ? remove_strangers(by) : status());
}

status shared_folder::remove_strangers(const std::vector<numbered>& by) {
  const auto names = folder_->names();
  if (!names) {
    return names.error();
  }
  for (const std::string& name : *names) {
    const bool needed = std::ranges::any_of(by, [&](const numbered& each) {
      return refers_to(each.what, fmt::format("{}/{}", path_, name));
    });
    if (is_state(name) && !needed) {
      if (auto removed = folder_->remove(name); !removed) {
        return removed;
      }
    }
  }
  return {};
}

result<std::string> shared_folder::text_of(const manifest& of) const {
  manifest moved = of;
  for (store_record& store : moved.stores) {
    for (stored_files& part : store.files) {
      for (std::string& path : part.paths) {
        if (path.starts_with(path_ + "/") && path.find('/', path_.size() + 1) == path.npos) {
          path.erase(0, path_.size() + 1);
        }
      }
    }
  }
  return moved.text();
}

status shared_folder::resolve(manifest& of) const {
  for (store_record& store : of.stores) {
    for (stored_files& part : store.files) {
      for (std::string& path : part.paths) {
        if (path.starts_with('/')) continue;
        if (path.empty() || path.find('/') != path.npos) {
          return failure{errc::corrupted, fmt::format("\"{}\" is no file of the folder", path)};
        }
        path = path_ + "/" + path;
      }
    }
  }
  return {};
}

}  // namespace ballast
