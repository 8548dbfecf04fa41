// How a store's bytes are spread over its folders: in proportion to bandwidth, as far as each may be
// used.
//
// Worked example: 100 MiB over folders of 6 and 2 GB/s, the first of which may hold 60 MiB: 75 and
// 25 would be right, so it gets its 60 and the other one 40.
#pragma once

#include <nvme/nvme_store.hpp>

namespace ballast::nvme {

/// Bytes of each folder, multiples of 4096, together `size`. Where there are several, `spare` comes
/// on top in each that may hold more than that: room for an extent whose write failed elsewhere, and
/// for one more, because extents are not cut to fit. The others get nothing.
///
/// Errors: no_space where all of them together may not hold that much
result<std::vector<bytes>> share_out(bytes size, bytes spare,
                                     const std::vector<store_folder>& folders,
                                     const std::vector<double>& bandwidths);

/// Bytes a second that a folder takes and gives back, with as much read as written, as an update
/// does: some 100 MiB, or what a small folder has room for, through the store's own queue, on a file
/// that has been written before.
///
/// Errors: those of the folder and its I/O; unwritable is found here
result<double> measure_bandwidth(const store_options& options, const store_folder& of_store);

}  // namespace ballast::nvme
