// Threads of one process as ranks, which see all of each other's memory: the reference for what the
// other communicators must do.
#pragma once

#include <memory>
#include <vector>

#include "comm/collectives.hpp"
#include "comm/rank_limits.hpp"

namespace ballast::comm {

/// Element r belongs to rank r. The ranks own the board together.
std::vector<std::unique_ptr<collectives>> make_thread_ranks(std::uint32_t size, rank_limits limits);

}  // namespace ballast::comm
