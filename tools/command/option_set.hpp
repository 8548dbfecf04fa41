// The one table of a command's settings. Each entry is bound to a variable of the caller, whose
// value at that moment is the default; parse_options() sets them, help() and settings_table()
// describe them.
//
// The variables must outlive the set. One thread.
#pragma once

#include <ballast/types.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tools/command/nearest_match.hpp"
#include "tools/command/number_text.hpp"
#include "tools/command/option.hpp"

namespace ballast::tools {

class option_set {
 public:
  /// `command` as it is typed, "ballast train"; `purpose` one sentence.
  option_set(std::string command, std::string purpose);

  /// Opens a group: what is added next stands under this title.
  void section(std::string title);

  void flag(std::string name, bool& target, std::string help);
  void whole(std::string name, std::uint64_t& target, whole_limits limits, std::string help);
  void whole(std::string name, std::uint32_t& target, whole_limits limits, std::string help);
  void real(std::string name, double& target, real_limits limits, std::string help);
  void size(std::string name, bytes& target, std::string help);
  /// `absent` says in words what holds when it is not given.
  void size(std::string name, std::optional<bytes>& target, std::string absent, std::string help);
  void count(std::string name, elements& target, std::string help);
  /// `value` names what the text is: "FILE", "DIR".
  void text(std::string name, std::string& target, std::string value, std::string help);
  void text(std::string name, std::optional<std::string>& target, std::string value,
            std::string absent, std::string help);
  void list(std::string name, std::vector<std::string>& target, std::string value,
            std::string absent, std::string help);
  /// One of `words`, each standing for a value.
  template <class Value>
  void choice(std::string name, Value& target, std::vector<std::pair<std::string, Value>> words,
              std::string help);
  /// Anything else: the caller fills every field.
  void add(option custom);

  /// Words without dashes, at most `most` of them; none are taken when this is not called.
  void positional(std::string name, std::vector<std::string>& target, std::size_t most,
                  std::string help);

  const std::string& command() const { return command_; }
  const option* find(std::string_view name) const;
  std::vector<std::string> names() const;
  std::vector<std::string>* positional_target() const { return positional_; }
  std::size_t positional_most() const { return positional_most_; }

  /// The text of --help.
  std::string help() const;
  /// The same as a Markdown table for README: option, value, default, meaning.
  std::string settings_table() const;
  /// Every setting in force, by name: the first line of a log.
  nlohmann::ordered_json values() const;

 private:
  struct group {
    std::string title;
    std::vector<option> options;
  };

  void add_words(std::string name, std::vector<std::string> words, std::string preset,
                 std::function<void(std::size_t)> take, std::function<std::string()> current,
                 std::string help);

  std::string command_;
  std::string purpose_;
  std::vector<group> groups_;
  std::vector<std::string>* positional_ = nullptr;
  std::size_t positional_most_ = 0;
  std::string positional_name_;
  std::string positional_help_;
};

template <class Value>
void option_set::choice(std::string name, Value& target,
                        std::vector<std::pair<std::string, Value>> words, std::string help) {
  std::vector<std::string> names;
  for (const auto& [word, value] : words) {
    names.push_back(word);
  }
  auto current = [&target, words]() -> std::string {
    for (const auto& [word, value] : words) {
      if (value == target) {
        return word;
      }
    }
    return "?";
  };
  const std::string preset = current();
  add_words(
      std::move(name), std::move(names), preset,
      [&target, words = std::move(words)](std::size_t index) { target = words[index].second; },
      std::move(current), std::move(help));
}

}  // namespace ballast::tools
