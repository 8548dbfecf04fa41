// What this machine offers an engine, measured by asking for it, and what would mend what it lacks.
#pragma once

#include <string>
#include <vector>

namespace ballast::tools {

struct finding_line {
  std::string name;    ///< "io_uring"
  bool good;           ///< false: works, but slower or smaller than it could
  std::string detail;  ///< what was found
  std::string remedy;  ///< the command or option that mends it; empty where nothing is to mend
};

/// Looks at processor, memory, limits, disk (in `directory`), device and communicators.
std::vector<finding_line> examine(const std::string& directory);

}  // namespace ballast::tools
