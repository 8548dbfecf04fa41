// Lists of words on the command line: each option may be repeated and may hold commas.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command/nearest_match.hpp"

namespace ballast::tools {

/// {"a,b", "c"} -> {"a", "b", "c"}
std::vector<std::string> split_words(const std::vector<std::string>& given);

/// Those of `known` that are named, in the order given.
///
/// Errors: invalid_argument in one line with the nearest match
template <class Value, std::size_t Count, class Name>
result<std::vector<Value>> pick(std::string_view option, const std::vector<std::string>& given,
                                const std::array<Value, Count>& known, Name name_of) {
  std::vector<std::string> names;
  for (const Value& each : known) {
    names.emplace_back(name_of(each));
  }
  std::vector<Value> picked;
  for (const std::string& word : split_words(given)) {
    const auto named = std::ranges::find(names, word);
    if (named == names.end()) {
      return failure{errc::invalid_argument,
                     fmt::format("--{}: '{}' is not one of {}{}", option, word,
                                 fmt::join(names, ", "), did_you_mean(word, names))};
    }
    picked.push_back(known[static_cast<std::size_t>(named - names.begin())]);
  }
  return picked;
}

/// Every word by `parse`, a function to a result; the error names the option.
template <class Parse>
auto parse_each(std::string_view option, const std::vector<std::string>& given, Parse parse)
    -> result<std::vector<std::remove_cvref_t<decltype(*parse(std::string()))>>> {
  std::vector<std::remove_cvref_t<decltype(*parse(std::string()))>> parsed;
  for (const std::string& word : split_words(given)) {
    auto value = parse(word);
    if (!value) {
      return failure{errc::invalid_argument,
                     fmt::format("--{}: {}", option, value.error().message)};
    }
    parsed.push_back(*std::move(value));
  }
  return parsed;
}

/// Numbers of threads, 1 to 1024.
result<std::vector<std::uint32_t>> parse_threads(const std::vector<std::string>& given);
/// "1" and, where there are more, one a core.
std::vector<std::string> default_threads();

}  // namespace ballast::tools
