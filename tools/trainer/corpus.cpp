#include "tools/trainer/corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tools/trainer/counter_random.hpp"
#include "tools/trainer/language_head.hpp"

namespace ballast::tools {

namespace fs = std::filesystem;

namespace {

failure unreadable(const fs::path& path, int error) {
  return {errc::io_failure, fmt::format("cannot read {}: {}", path.string(), std::strerror(error)),
          error};
}

result<std::vector<fs::path>> files_of(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_directory(path, problem)) return std::vector<fs::path>{path};
  std::vector<fs::path> files;
  fs::directory_iterator entry(path, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    if (entry->symlink_status().type() == fs::file_type::regular) files.push_back(entry->path());
  }
  if (problem) return unreadable(path, problem.value());
  std::ranges::sort(files);
  return files;
}

result<document> read(const fs::path& path) {
  std::error_code problem;
  const bool regular = fs::is_regular_file(path, problem);
  if (problem) return unreadable(path, problem.value());
  if (!regular) {
    return failure{
        errc::invalid_argument,
        fmt::format("cannot train on {}: it is neither a file nor a folder", path.string())};
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
    return unreadable(path, errno != 0 ? errno : EIO);
  }
  return document{path.string(), std::move(text).str()};
}

std::uint64_t bytes_of(const std::vector<document>& documents) {
  std::uint64_t sum = 0;
  for (const document& each : documents) sum += each.text.size();
  return sum;
}

/// How many places of a document a sequence and its last target can begin at.
std::uint64_t places(const document& from, std::uint32_t tokens) {
  return from.text.size() > tokens ? from.text.size() - tokens : 0;
}

/// Moves the last tenth of the only document to a second one.
std::vector<document> cut_in_two(document whole) {
  const std::size_t kept = whole.text.size() - whole.text.size() / 10;
  document tail{whole.name + " (last tenth)", whole.text.substr(kept)};
  whole.text.resize(kept);
  std::vector<document> both;
  both.push_back(std::move(whole));
  both.push_back(std::move(tail));
  return both;
}

}  // namespace

const fs::path& corpus::default_folder() {
  static const fs::path folder = "/usr/share/common-licenses";
  return folder;
}

result<corpus> corpus::load(const std::vector<fs::path>& paths) {
  std::vector<document> documents;
  for (const fs::path& path : paths) {
    result<std::vector<fs::path>> files = files_of(path);
    if (!files) return files.error();
    for (const fs::path& file : *files) {
      result<document> loaded = read(file);
      if (!loaded) return loaded.error();
      if (!loaded->text.empty()) documents.push_back(std::move(*loaded));
    }
  }
  if (documents.empty()) {
    std::string names;
    for (const fs::path& path : paths) names += " " + path.string();
    return failure{errc::invalid_argument,
                   fmt::format("there is no text to train on in{}: give a file, or a folder with "
                               "files, that is not empty",
                               names.empty() ? " no path at all" : names)};
  }
  return split(std::move(documents));
}

result<corpus> corpus::split(std::vector<document> documents) {
  if (documents.size() == 1) documents = cut_in_two(std::move(documents.front()));
  const std::uint64_t most = bytes_of(documents) / 10;
  std::vector<std::size_t> by_size(documents.size());
  for (std::size_t i = 0; i < by_size.size(); ++i) by_size[i] = i;
  std::ranges::stable_sort(by_size, {}, [&](std::size_t i) { return documents[i].text.size(); });
  std::vector<bool> held_out(documents.size(), false);
  std::uint64_t taken = 0;
  for (const std::size_t i : by_size) {
    const std::uint64_t size = documents[i].text.size();
    if (taken > 0 && taken + size > most) break;
    held_out[i] = true;
    taken += size;
  }
  corpus made;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    (held_out[i] ? made.validation_ : made.training_).push_back(std::move(documents[i]));
  }
  if (bytes_of(made.training_) < 2 || bytes_of(made.validation_) < 2) {
    return failure{errc::invalid_argument,
                   fmt::format("{} bytes of text are too few to train and to validate on",
                               bytes_of(made.training_) + bytes_of(made.validation_))};
  }
  return made;
}

std::uint64_t corpus::training_bytes() const { return bytes_of(training_); }
std::uint64_t corpus::validation_bytes() const { return bytes_of(validation_); }

result<text_window> corpus::sample(std::uint64_t seed, std::uint64_t step, std::uint64_t index,
                                   std::uint32_t tokens) const {
  std::uint64_t total = 0;
  std::size_t longest = 0;
  for (const document& each : training_) {
    total += places(each, tokens);
    longest = std::max(longest, each.text.size());
  }
  if (total == 0) {
    return failure{errc::invalid_argument,
                   fmt::format("sequences of {} tokens need a training document of {} bytes; the "
                               "longest has {}",
                               tokens, std::uint64_t{tokens} + 1, longest)};
  }
  std::uint64_t place = random_index(mixed(seed) ^ step, index, total);
  for (const document& each : training_) {
    const std::uint64_t here = places(each, tokens);
    if (place < here) return text_window{&each, place};
    place -= here;
  }
  require(false, "a sampled place lies inside a document");
  return text_window{};
}

std::vector<text_window> corpus::validation_windows(std::uint32_t tokens, std::size_t most) const {
  std::vector<text_window> all;
  for (const document& each : validation_) {
    for (std::size_t first = 0; first + 1 < each.text.size(); first += tokens) {
      all.push_back({&each, first});
    }
  }
  if (most == 0 || all.size() <= most) return all;
  std::vector<text_window> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[i * all.size() / most]);
  return some;
}

std::size_t fill(const text_window& window, std::span<std::uint32_t> inputs,
                 std::span<std::uint32_t> targets) {
  const std::string& text = window.from->text;
  const auto token = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  std::size_t counted = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t at = window.first + i;
    const bool inside = at + 1 < text.size();
    inputs[i] = inside ? token(at) : 0u;
    targets[i] = inside ? token(at + 1) : ignored_target;
    counted += inside ? 1 : 0;
  }
  return counted;
}

}  // namespace ballast::tools
