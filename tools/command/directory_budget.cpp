#include "tools/command/directory_budget.hpp"

#include <fmt/format.h>

#include "tools/command/size_text.hpp"

namespace ballast::tools {

result<directory_budget> parse_directory_budget(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool sized =
      colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos;
  directory_budget budget{std::string(text.substr(0, sized ? colon : text.size())), {}};
  if (budget.directory.empty()) {
    return failure{errc::invalid_argument, fmt::format("'{}' names no folder", text)};
  }
  if (sized) {
    const auto size = parse_size(text.substr(colon + 1));
    if (!size) {
      return size.error();
    }
    budget.size = *size;
  }
  return budget;
}

}  // namespace ballast::tools
