// The files behind one path of a store: made new, with or without names, or found again from a
// checkpoint's record.
#pragma once

#include <nvme/nvme_path.hpp>
#include <nvme/nvme_store.hpp>

namespace ballast::nvme {

/// In a locked folder of the run, or one file of a given name, or files without one. The names are
/// durable when it returns.
///
/// Errors: as make_store
result<nvme_path::files> make_files(const store_options& options, const std::string& directory,
                                    bytes size, std::uint64_t run);

/// Errors: as open_store
result<nvme_path::files> find_files(const stored_files& record);

/// Removes the run's own folder and nothing else: a record read from a file names what it likes.
///
/// Errors: as remove_store
status remove_files(const stored_files& record, std::uint64_t run);

}  // namespace ballast::nvme
