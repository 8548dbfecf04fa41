#include "tools/command/subcommand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "tools/command/nearest_match.hpp"

namespace ballast::tools {
namespace {

std::string usage_of(std::string_view before, std::string_view noun,
                     std::span<const subcommand> known) {
  std::string word(noun);
  std::ranges::transform(word, word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string text = fmt::format("usage: {} {} [--option value ...]\n\n", before, word);
  for (const subcommand& each : known) {
    text += fmt::format("  {:<8} {}\n", each.name, each.does);
  }
  return text + fmt::format("\n{} {} --help lists the options of one.\n", before, word);
}

}  // namespace

exit_code dispatch(std::string_view before, std::string_view noun,
                   std::span<const subcommand> known, std::span<const std::string> arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", usage_of(before, noun, known));
    return exit_code::usage;
  }
  const std::string& word = arguments.front();
  if (word == "--help" || word == "-h" || word == "help") {
    fmt::print("{}", usage_of(before, noun, known));
    return exit_code::done;
  }
  std::vector<std::string> names;
  for (const subcommand& each : known) {
    if (word == each.name) {
      return each.run(arguments.subspan(1));
    }
    names.emplace_back(each.name);
  }
  fmt::print(stderr, "{}: there is no {} \"{}\"{}\n", before, noun, word,
             did_you_mean(word, names));
  return exit_code::usage;
}

}  // namespace ballast::tools
