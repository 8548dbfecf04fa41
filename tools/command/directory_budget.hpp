// A folder and how much of it may be used, as --nvme takes it: "DIR" or "DIR:SIZE".
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace ballast::tools {

struct directory_budget {
  std::string directory;
  std::optional<bytes> size;  ///< absent: as much as the plan wants
};

/// What follows the last colon is a size, unless it holds a slash: "/data/a:b/c" is a folder.
///
/// Errors: invalid_argument for an empty folder or a size that is none
result<directory_budget> parse_directory_budget(std::string_view text);

}  // namespace ballast::tools
