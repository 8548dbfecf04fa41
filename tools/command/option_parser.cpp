#include "tools/command/option_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace ballast::tools {
namespace {

using nlohmann::ordered_json;

failure usage_error(std::string message) { return {errc::invalid_argument, std::move(message)}; }

/// What one option was given, and where, as errors name it.
struct given_option {
  const option* which = nullptr;
  std::string where;
  std::vector<std::string> texts;
};

/// By name; the command line is collected first and is not overwritten by a config.
using given_options = std::map<std::string, given_option>;

/// The command line, taken apart.
struct command_line {
  given_options given;
  std::vector<std::string> words;
  std::vector<std::string> configs;
  std::optional<std::string> help;  ///< the text to print
};

class line_reader {
 public:
  line_reader(const option_set& known, std::span<const std::string> arguments)
      : known_(known), rest_(arguments) {}

  result<command_line> read() {
    while (!rest_.empty()) {
      const std::string& argument = next();
      const status taken =
          argument.starts_with("--") ? take_option(argument.substr(2)) : take_word(argument);
      if (!taken) {
        return taken.error();
      }
    }
    return std::move(line_);
  }

 private:
  const std::string& next() {
    const std::string& first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }

  status take_word(const std::string& word) {
    if (word == "-h") {
      line_.help = known_.help();
      return {};
    }
    if (word.starts_with('-') && word.size() > 1) {
      const auto name = word.substr(1);
      return usage_error(fmt::format("unknown option '{}': options are long{}", word,
                                     did_you_mean(name, names(), "--")));
    }
    if (line_.words.size() == known_.positional_most()) {
      return usage_error(
          fmt::format("unexpected argument '{}'; see {} --help", word, known_.command()));
    }
    line_.words.push_back(word);
    return {};
  }

  status take_option(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) {
      value = text.substr(equals + 1);
    }
    if (name == "help" && (!value || value == "markdown")) {
      line_.help = value ? known_.settings_table() : known_.help();
      return {};
    }
    const option* const named = known_.find(name);
    if (named == nullptr && name != "config") {
      return usage_error(fmt::format("unknown option '--{}'{}; see {} --help", name,
                                     did_you_mean(name, names(), "--"), known_.command()));
    }
    if (!value && named != nullptr && named->kind == option_kind::flag) {
      value = "true";
    }
    if (!value) {
      if (rest_.empty() || rest_.front().starts_with("--")) {
        return usage_error(fmt::format("--{} needs a value{}", name,
                                       named != nullptr ? ": " + named->value : ": FILE"));
      }
      value = next();
    }
    if (named == nullptr) {
      line_.configs.push_back(std::move(*value));
      return {};
    }
    return keep(*named, std::move(*value));
  }

  status keep(const option& named, std::string value) {
    given_option& slot = line_.given[named.name];
    if (slot.which != nullptr && named.kind != option_kind::list) {
      return usage_error(fmt::format("--{} is given twice", named.name));
    }
    slot.which = &named;
    slot.where = "--" + named.name;
    slot.texts.push_back(std::move(value));
    return {};
  }

  std::vector<std::string> names() const {
    auto all = known_.names();
    all.insert(all.end(), {"config", "help"});
    return all;
  }

  const option_set& known_;
  std::span<const std::string> rest_;
  command_line line_;
};

/// The texts an option's setter takes, from a JSON value; the error says which types would do.
result<std::vector<std::string>> texts_of(const option& named, const ordered_json& value) {
  const auto refused = [&](std::string_view wanted) {
    return usage_error(fmt::format("wants {}, not {}", wanted, value.dump()));
  };
  switch (named.kind) {
    case option_kind::flag:
      if (!value.is_boolean()) return refused("true or false");
      return std::vector<std::string>{value.get<bool>() ? "true" : "false"};
    case option_kind::whole:
      if (!value.is_number_integer()) return refused("a whole number");
      return std::vector<std::string>{value.dump()};
    case option_kind::real:
      if (!value.is_number()) return refused("a number");
      return std::vector<std::string>{value.dump()};
    case option_kind::amount:
      if (value.is_number_integer()) return std::vector<std::string>{value.dump()};
      if (value.is_string()) return std::vector<std::string>{value.get<std::string>()};
      return refused("a text like \"64MiB\" or a whole number");
    case option_kind::text:
      if (!value.is_string()) return refused("a text");
      return std::vector<std::string>{value.get<std::string>()};
    case option_kind::list: break;
  }
  if (value.is_string()) {
    return std::vector<std::string>{value.get<std::string>()};
  }
  const bool all_texts =
      value.is_array() &&
      std::all_of(value.begin(), value.end(), [](auto& each) { return each.is_string(); });
  if (!all_texts) {
    return refused("a text or a list of texts");
  }
  return value.get<std::vector<std::string>>();
}

/// Whether logs, manifests and configs, which are JSON, can hold it.
bool is_utf8(const std::string& text) {
  try {
    return !ordered_json(text).dump().empty();
  } catch (const ordered_json::exception&) {
    return false;
  }
}

/// What can be printed of a text that is no UTF-8.
std::string printable(const std::string& text) {
  using handler = ordered_json::error_handler_t;
  return ordered_json(text).dump(-1, ' ', true, handler::replace);
}

/// The file's one JSON object; a key that stands twice is an error, for one of them would be
/// ignored.
result<ordered_json> read_config(const std::string& file) {
  if (std::filesystem::is_directory(file)) {
    return usage_error(fmt::format("--config: cannot read '{}': it is a folder", file));
  }
  errno = 0;
  std::ifstream input(file, std::ios::binary);
  std::ostringstream text;
  text << input.rdbuf();
  if (!input.is_open() || input.bad()) {
    return usage_error(fmt::format("--config: cannot read '{}': {}", file, std::strerror(errno)));
  }
  std::set<std::string> keys;
  std::string twice;
  const auto see = [&](int depth, ordered_json::parse_event_t event, ordered_json& parsed) {
    if (event == ordered_json::parse_event_t::key && depth == 1 &&
        !keys.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  try {
    ordered_json config = ordered_json::parse(text.str(), see);
    if (!config.is_object()) {
      return usage_error(fmt::format("{}: a config is one JSON object", file));
    }
    if (!twice.empty()) {
      return usage_error(fmt::format("{}: key '{}' stands twice", file, twice));
    }
    return config;
  } catch (const ordered_json::exception& error) {
    const std::string_view what = error.what();
    return usage_error(fmt::format("{}: {}", file, what.substr(what.find("] ") + 2)));
  }
}

status add_config(const option_set& known, const std::string& file, given_options& given) {
  const auto config = read_config(file);
  if (!config) {
    return config.error();
  }
  for (const auto& [key, value] : config->items()) {
    const option* const named = known.find(key);
    if (named == nullptr) {
      return usage_error(
          fmt::format("{}: unknown key '{}'{}", file, key, did_you_mean(key, known.names())));
    }
    std::string where = fmt::format("{}: {}", file, key);
    auto texts = texts_of(*named, value);
    if (!texts) {
      return usage_error(fmt::format("{} {}", where, texts.error().message));
    }
    given.try_emplace(key, given_option{named, std::move(where), std::move(*texts)});
  }
  return {};
}

}  // namespace

result<parsed_options> parse_options(const option_set& known,
                                     std::span<const std::string> arguments) {
  auto line = line_reader(known, arguments).read();
  if (!line) {
    return line.error();
  }
  if (line->help) {
    return parsed_options{.help = std::move(line->help), .echoes = {}};
  }
  // What stands there already stays: the last one goes first.
  for (auto config = line->configs.rbegin(); config != line->configs.rend(); ++config) {
    if (const status added = add_config(known, *config, line->given); !added) {
      return added.error();
    }
  }
  parsed_options parsed;
  for (const auto& [name, given] : line->given) {
    const auto odd = std::ranges::find_if_not(given.texts, is_utf8);
    if (odd != given.texts.end()) {
      return usage_error(
          fmt::format("{}: {} is not UTF-8, and logs and checkpoints hold nothing else",
                      given.where, printable(*odd)));
    }
    if (const status set = given.which->set(given.texts); !set) {
      return usage_error(fmt::format("{}: {}", given.where, set.error().message));
    }
    const std::string exact = given.which->show().dump();
    if (given.which->kind == option_kind::amount && exact != given.texts.front()) {
      parsed.echoes.push_back(fmt::format("--{} {} is {} {}", name, given.texts.front(), exact,
                                          given.which->value == "SIZE" ? "bytes" : "elements"));
    }
  }
  if (known.positional_target() != nullptr) {
    *known.positional_target() = line->words;
  }
  return parsed;
}

}  // namespace ballast::tools
