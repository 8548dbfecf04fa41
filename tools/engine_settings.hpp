// The engine's configuration as options: what every command that seals an engine takes.
#pragma once

#include <ballast/config.hpp>
#include <ballast/plan.hpp>
#include <string>

#include "tools/command/option_set.hpp"

namespace ballast::tools {

/// Adds the options of `config` under the titles "Budgets" and "Engine".
void add_engine_options(option_set& options, engine_config& config);

/// Bytes per place, one consumer a line, beside the budgets; for people.
std::string plan_table(const plan& summary);

}  // namespace ballast::tools
