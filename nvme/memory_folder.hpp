// Which folders are as fast as memory, because they are in memory: there the workers that update a tile
// move its bytes themselves (positional_io).
#pragma once

#include <string>

namespace ballast::nvme {

/// "tmpfs", "ramfs" or "DAX"; empty where the folder's files are on a device behind the page cache, or
/// it cannot be asked.
std::string memory_behind(const std::string& directory);

}  // namespace ballast::nvme
