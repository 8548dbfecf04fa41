// The name a person most likely meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ballast::tools {

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate with the least distance, the first of equals; nullopt when none is near enough to
/// be a slip: within two edits, or a third of the word.
std::optional<std::string> nearest_match(std::string_view word,
                                         std::span<const std::string> candidates);

/// "; did you mean 'X'?" with `prefix` before the name, or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates,
                         std::string_view prefix = "");

}  // namespace ballast::tools
