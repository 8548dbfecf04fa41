// `ballast plan`: what goes where, what a step would take, and what would fit, before anything is
// trained.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code plan_run(std::span<const std::string> arguments);

}  // namespace ballast::tools
