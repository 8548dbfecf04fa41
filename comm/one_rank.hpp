// The communicator of a world of one: every collective is the identity, so that nothing above it
// asks how many ranks there are.
#pragma once

#include <ballast/communicator.hpp>
#include <memory>

namespace ballast::comm {

/// Copies only where source and target are different memory, which the CPU must be able to address.
///
/// Threads: any
/// Errors:  none; a shard of another size than its range is a contract failure
std::unique_ptr<communicator> make_one_rank_communicator();

}  // namespace ballast::comm
