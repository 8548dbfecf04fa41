// ballast::checkpoint_folder on a file system: a folder held by a lock, files that are committed by
// rename. Behind its contents each file has a line of its own: "xxh3-128 " and 32 digits, the digest
// of all before it.
//
// Owned by the engine; one thread at a time. Folder 0700, files 0600. A name that begins with "."
// is a commit that was never finished; opening the folder removes those.
#pragma once

#include <ballast/checkpoint_folder.hpp>
#include <memory>

namespace ballast::nvme {

/// Opens the folder, made where it is missing, and locks it.
///
/// Errors: invalid_argument: no folder, or another process holds it; io_failure
result<std::unique_ptr<checkpoint_folder>> open_durable_folder(const std::string& path);

}  // namespace ballast::nvme
