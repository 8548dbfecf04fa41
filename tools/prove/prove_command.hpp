// `ballast prove`: the same steps resident and as placed, every loss and every bit of state
// compared.
//
// The resident arm is a plain loop over the scalar reference (resident_state.hpp); it runs once an
// encoding, each placed arm is compared with it.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"

namespace ballast::tools {

exit_code prove(std::span<const std::string> arguments);

}  // namespace ballast::tools
