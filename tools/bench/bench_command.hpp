// `ballast bench QUESTION`: measures one thing beside its physical limit.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code bench(std::span<const std::string> arguments);

}  // namespace ballast::tools
