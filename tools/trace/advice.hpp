// One line about what bound a run, and what would help.
#pragma once

#include <ballast/activity.hpp>
#include <string>

namespace ballast::tools {

/// "compute 61 %, read 30 %, wait 9 %": classes below half a percent are left out.
std::string shares_text(const attribution& time);

/// What took the most, where that was not the caller's compute, and what would help.
std::string advice(const attribution& time);

}  // namespace ballast::tools
