// `ballast doctor`: what this machine offers, what is degraded, the command that mends it.
#pragma once

#include <span>
#include <string>

#include "tools/command/exit_code.hpp"
#include "tools/command/option_set.hpp"

namespace ballast::tools {

struct doctor_settings {
  std::string directory = ".";
  std::string json;
};

option_set doctor_options(doctor_settings& settings);
exit_code doctor(std::span<const std::string> arguments);

}  // namespace ballast::tools
