// `ballast bench memory`: how fast is memory, read, written, copied and added? The plain loops
// beside which everything else is measured.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code bench_memory(std::span<const std::string> arguments);

}  // namespace ballast::tools
