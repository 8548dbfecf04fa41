#include "tools/command/option_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/assert.hpp>
#include <limits>

#include "tools/command/size_text.hpp"

namespace ballast::tools {
namespace {

using texts = std::vector<std::string>;

/// Sets `target` from the one text given, by `parse`.
template <class Target, class Parse>
auto setter(Target& target, Parse parse) {
  return [&target, parse](const texts& given) -> status {
    auto value = parse(given.front());
    if (!value) {
      return value.error();
    }
    target = *value;
    return {};
  };
}

template <class Target>
auto shower(const Target& target) {
  return [&target] { return nlohmann::ordered_json(target); };
}

std::string real_text(double value) { return fmt::format("{}", value); }

/// "--name VALUE", as help and the table show an option.
std::string usage_of(const option& shown) {
  return fmt::format("--{}{}{}", shown.name, shown.value.empty() ? "" : " ", shown.value);
}

std::string escaped_for_table(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\\');
  }
  return text;
}

}  // namespace

option_set::option_set(std::string command, std::string purpose)
    : command_(std::move(command)), purpose_(std::move(purpose)) {}

void option_set::section(std::string title) { groups_.push_back({std::move(title), {}}); }

void option_set::add(option custom) {
  require(find(custom.name) == nullptr, "an option's name is used once");
  require(custom.name != "help" && custom.name != "config", "--help and --config are built in");
  if (groups_.empty()) {
    section("Options");
  }
  groups_.back().options.push_back(std::move(custom));
}

void option_set::flag(std::string name, bool& target, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::flag,
       .value = "",
       .preset = target ? "true" : "false",
       .help = std::move(help),
       .set = setter(target,
                     [](const std::string& text) -> result<bool> {
                       if (text == "true" || text == "false") {
                         return text == "true";
                       }
                       return failure{errc::invalid_argument,
                                      fmt::format("'{}' is neither true nor false", text)};
                     }),
       .show = shower(target)});
}

void option_set::whole(std::string name, std::uint64_t& target, whole_limits limits,
                       std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::whole,
       .value = "N",
       .preset = fmt::format("{}", target),
       .help = std::move(help),
       .set =
           setter(target, [limits](const std::string& text) { return parse_whole(text, limits); }),
       .show = shower(target)});
}

void option_set::whole(std::string name, std::uint32_t& target, whole_limits limits,
                       std::string help) {
  limits.most = std::min<std::uint64_t>(limits.most, std::numeric_limits<std::uint32_t>::max());
  const auto parse = [limits](const std::string& text) -> result<std::uint32_t> {
    const auto wide = parse_whole(text, limits);
    if (!wide) {
      return wide.error();
    }
    return static_cast<std::uint32_t>(*wide);
  };
  add({.name = std::move(name),
       .kind = option_kind::whole,
       .value = "N",
       .preset = fmt::format("{}", target),
       .help = std::move(help),
       .set = setter(target, parse),
       .show = shower(target)});
}

void option_set::real(std::string name, double& target, real_limits limits, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::real,
       .value = "X",
       .preset = real_text(target),
       .help = std::move(help),
       .set =
           setter(target, [limits](const std::string& text) { return parse_real(text, limits); }),
       .show = shower(target)});
}

void option_set::size(std::string name, bytes& target, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::amount,
       .value = "SIZE",
       .preset = size_text(target),
       .help = std::move(help),
       .set = setter(target, [](const std::string& text) { return parse_size(text); }),
       .show = shower(target.value)});
}

void option_set::size(std::string name, std::optional<bytes>& target, std::string absent,
                      std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::amount,
       .value = "SIZE",
       .preset = target ? size_text(*target) : std::move(absent),
       .help = std::move(help),
       .set = setter(target, [](const std::string& text) { return parse_size(text); }),
       .show = [&target] {
         return target ? nlohmann::ordered_json(target->value) : nlohmann::ordered_json();
       }});
}

void option_set::count(std::string name, elements& target, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::amount,
       .value = "COUNT",
       .preset = count_text(target),
       .help = std::move(help),
       .set = setter(target, [](const std::string& text) { return parse_count(text); }),
       .show = shower(target.value)});
}

void option_set::text(std::string name, std::string& target, std::string value, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::text,
       .value = std::move(value),
       .preset = target,
       .help = std::move(help),
       .set = setter(target, [](const std::string& text) { return result<std::string>(text); }),
       .show = shower(target)});
}

void option_set::text(std::string name, std::optional<std::string>& target, std::string value,
                      std::string absent, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::text,
       .value = std::move(value),
       .preset = target ? *target : std::move(absent),
       .help = std::move(help),
       .set = setter(target, [](const std::string& text) { return result<std::string>(text); }),
       .show = [&target] {
         return target ? nlohmann::ordered_json(*target) : nlohmann::ordered_json();
       }});
}

void option_set::list(std::string name, std::vector<std::string>& target, std::string value,
                      std::string absent, std::string help) {
  add({.name = std::move(name),
       .kind = option_kind::list,
       .value = std::move(value),
       .preset = target.empty() ? std::move(absent) : fmt::format("{}", fmt::join(target, ", ")),
       .help = std::move(help) + " (may be repeated)",
       .set = [&target](const texts& given) -> status { return target = given, status{}; },
       .show = shower(target)});
}

void option_set::add_words(std::string name, std::vector<std::string> words, std::string preset,
                           std::function<void(std::size_t)> take,
                           std::function<std::string()> current, std::string help) {
  std::string value = fmt::format("{}", fmt::join(words, "|"));
  auto set = [words = std::move(words), take = std::move(take)](const texts& given) -> status {
    const std::string& word = given.front();
    const auto named = std::find(words.begin(), words.end(), word);
    if (named == words.end()) {
      return failure{errc::invalid_argument,
                     fmt::format("'{}' is not one of {}{}", word, fmt::join(words, ", "),
                                 did_you_mean(word, words))};
    }
    take(static_cast<std::size_t>(named - words.begin()));
    return {};
  };
  add({.name = std::move(name),
       .kind = option_kind::text,
       .value = std::move(value),
       .preset = std::move(preset),
       .help = std::move(help),
       .set = std::move(set),
       .show = [current = std::move(current)] { return nlohmann::ordered_json(current()); }});
}

void option_set::positional(std::string name, std::vector<std::string>& target, std::size_t most,
                            std::string help) {
  positional_ = &target;
  positional_most_ = most;
  positional_name_ = std::move(name);
  positional_help_ = std::move(help);
}

const option* option_set::find(std::string_view name) const {
  for (const group& each : groups_) {
    for (const option& known : each.options) {
      if (known.name == name) {
        return &known;
      }
    }
  }
  return nullptr;
}

std::vector<std::string> option_set::names() const {
  std::vector<std::string> all;
  for (const group& each : groups_) {
    for (const option& known : each.options) {
      all.push_back(known.name);
    }
  }
  return all;
}

std::string option_set::help() const {
  std::string text = fmt::format("usage: {} [options]", command_);
  if (positional_ != nullptr) {
    text += fmt::format(" {}\n\n{}\n\n  {:<28} {}\n", positional_name_, purpose_, positional_name_,
                        positional_help_);
  } else {
    text += fmt::format("\n\n{}\n", purpose_);
  }
  const auto line = [&text](const std::string& usage, const std::string& help,
                            const std::string& preset) {
    const std::string gap = usage.size() > 28 ? fmt::format("\n  {:28}", "") : std::string();
    const std::string shown = preset.empty() ? "" : fmt::format(" [{}]", preset);
    text += fmt::format("  {:<28}{} {}{}\n", usage, gap, help, shown);
  };
  for (const group& each : groups_) {
    text += fmt::format("\n{}:\n", each.title);
    for (const option& known : each.options) {
      line(usage_of(known), known.help, known.kind == option_kind::flag ? "" : known.preset);
    }
  }
  text += "\nGeneral:\n";
  line("--config FILE",
       "reads any of these options from one JSON object, by name (may be repeated: the last wins)",
       "");
  line("--help", "prints this and stops", "");
  text +=
      "\nSizes take B, KiB, MiB, GiB, TiB (2^10) and KB, MB, GB, TB (10^3); bare K, M, G, T are "
      "binary;\ncounts take Ki, Mi, Gi or 1e8. Fractions are allowed: 1.5GiB.\n";
  return text;
}

std::string option_set::settings_table() const {
  std::string text = "| option | default | meaning |\n| --- | --- | --- |\n";
  for (const group& each : groups_) {
    text += fmt::format("| **{}** | | |\n", each.title);
    for (const option& known : each.options) {
      text += fmt::format("| `{}` | {} | {} |\n", escaped_for_table(usage_of(known)),
                          escaped_for_table(known.preset), escaped_for_table(known.help));
    }
  }
  return text;
}

nlohmann::ordered_json option_set::values() const {
  auto all = nlohmann::ordered_json::object();
  for (const group& each : groups_) {
    for (const option& known : each.options) {
      all[known.name] = known.show();
    }
  }
  return all;
}

}  // namespace ballast::tools
