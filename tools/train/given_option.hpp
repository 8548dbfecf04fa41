// An option without a fixed default: what holds when it is not given depends on another one, and
// whether it was given is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/command/option.hpp"

namespace ballast::tools {

/// `shown` without `set` and `show`; `parse` makes a result<Value> of the text; `otherwise` says
/// what is in force when it was not given: a std::optional<Value>.
///
/// Memory: `target` outlives the option
template <class Value, class Parse, class Otherwise>
option given_option(option shown, std::optional<Value>& target, Parse parse, Otherwise otherwise) {
  shown.set = [&target, parse](const std::vector<std::string>& given) -> status {
    auto value = parse(given.back());
    if (!value) {
      return value.error();
    }
    target = *value;
    return {};
  };
  shown.show = [&target, otherwise] {
    const std::optional<Value> in_force = target ? target : otherwise();
    return in_force ? nlohmann::ordered_json(*in_force) : nlohmann::ordered_json();
  };
  return shown;
}

}  // namespace ballast::tools
