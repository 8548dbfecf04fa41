// The least arithmetic of a step of AdamW or Adam: one square root, one addition and one division
// of fp32 an element, over arrays that stay in a core's first cache. No update that takes root and
// quotient by an instruction set's own operations is faster, wherever its state is.
#pragma once

#include <ballast/config.hpp>
#include <ballast/result.hpp>
#include <map>
#include <span>
#include <utility>

#include "tools/bench/thread_team.hpp"
#include "tools/bench/traffic_table.hpp"

namespace ballast::tools {

/// Seconds an element, of all threads together.
///
/// Errors: failed_task, before anything is timed, when a quotient is not to the bit what the plain
///         expression gives
result<double> find_floor(const traffic_table& set, thread_team& team, std::uint32_t rounds);

/// Seconds an element, by instruction set and number of threads.
using arithmetic_floors = std::map<std::pair<instruction_set, std::uint32_t>, double>;

/// Each pair once.
///
/// Shapes:  sets are of this machine, none of them automatic
/// Errors:  those of find_floor
result<arithmetic_floors> find_floors(std::span<const instruction_set> sets,
                                      std::span<const std::uint32_t> threads, std::uint32_t rounds);

}  // namespace ballast::tools
