// `ballast train`: trains a GPT-2 on text under the given budgets, and says what that cost.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code train(std::span<const std::string> arguments);

}  // namespace ballast::tools
