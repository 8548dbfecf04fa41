// An option without a fixed default: what holds when it is not given depends on another one, and
// whether it was given is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/command/option.hpp"

namespace ballast::tools {

/// `shown` without `set` and `show`; `parse` makes a result<Value> of the text.
///
/// Memory: `target` outlives the option
template <class Value, class Parse>
option given_option(option shown, std::optional<Value>& target, Parse parse) {
  shown.set = [&target, parse](const std::vector<std::string>& given) -> status {
    auto value = parse(given.back());
    if (!value) {
      return value.error();
    }
    target = *value;
    return {};
  };
  shown.show = [&target] {
    return target ? nlohmann::ordered_json(*target) : nlohmann::ordered_json();
  };
  return shown;
}

}  // namespace ballast::tools
