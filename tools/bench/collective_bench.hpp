// `ballast bench collective`: how far are the ranks' sums and gathers from copying the same bytes?
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code bench_collective(std::span<const std::string> arguments);

}  // namespace ballast::tools
