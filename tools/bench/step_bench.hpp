// `ballast bench step`: the engine's step on synthetic gradients, without a model's compute. On disk
// its limit is the disk, moving the same bytes; in host memory the update and the gradient's norm,
// each alone.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code bench_step(std::span<const std::string> arguments);

}  // namespace ballast::tools
