// An engine's parts with a store that takes no digests and believes what it reads: what a step
// would take without them. For measurements only.
#pragma once

#include <ballast/backends.hpp>

namespace ballast::tools {

std::unique_ptr<backends> without_digests(std::unique_ptr<backends> parts);

}  // namespace ballast::tools
