// Text as bytes, byte-level tokens (vocabulary 256), split into training and validation documents,
// and where the sequences of a step or of an evaluation begin. A document is one file.
//
// Immutable once loaded, any thread. Memory: the text itself.
#pragma once

#include <ballast/result.hpp>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace ballast::tools {

inline constexpr std::uint32_t byte_vocabulary = 256;

struct document {
  std::string name;
  std::string text;
};

/// A sequence's inputs and targets: the text from `first`, and the same one byte later. A short one
/// (evaluation only) is filled up with ignored targets.
struct text_window {
  const document* from;
  std::size_t first;
};

class corpus {
 public:
  /// The regular files (never links, not descending) of a folder every Debian machine has: about
  /// 245 KB of licence texts.
  static const std::filesystem::path& default_folder();

  /// Loads files, and the regular files of folders, each folder sorted by name.
  ///
  /// Why:    validation takes whole files, smallest first, while together they stay within a tenth
  ///         of the bytes: in the default folder that leaves the near-copies among the long
  ///         licences on one side and validates on texts training never sees. A single file gives
  ///         its last tenth.
  /// Errors: io_failure for what cannot be read; invalid_argument when there is no text
  static result<corpus> load(const std::vector<std::filesystem::path>& paths);
  /// The same split of texts already at hand.
  static result<corpus> split(std::vector<document> documents);

  const std::vector<document>& training() const { return training_; }
  const std::vector<document>& validation() const { return validation_; }
  std::uint64_t training_bytes() const;
  std::uint64_t validation_bytes() const;

  /// Sequence `index` of step `step`: uniform over all places of the training text where `tokens`
  /// bytes and their successor lie inside one document. Depends on the arguments alone: the data
  /// cursor is the step number.
  ///
  /// Errors: invalid_argument when no document is that long
  result<text_window> sample(std::uint64_t seed, std::uint64_t step, std::uint64_t index,
                             std::uint32_t tokens) const;

  /// Windows of `tokens` that cover every predictable byte of the validation text once, or `most`
  /// of them, evenly spaced.
  std::vector<text_window> validation_windows(std::uint32_t tokens, std::size_t most) const;

 private:
  std::vector<document> training_;
  std::vector<document> validation_;
};

/// Writes a window's tokens; positions past the document's end get input 0 and an ignored target.
/// Returns how many targets count.
std::size_t fill(const text_window& window, std::span<std::uint32_t> inputs,
                 std::span<std::uint32_t> targets);

}  // namespace ballast::tools
