// `ballast bench adam`: how far is the fused update from the memory traffic of the same bytes?
//
// Every row is verified against the scalar reference, then timed in turn with the fastest of many
// plain loops over the same arrays, in the same slices, by the same threads.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code bench_adam(std::span<const std::string> arguments);

}  // namespace ballast::tools
