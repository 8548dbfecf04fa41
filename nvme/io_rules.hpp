// What holds for every request, whoever makes it, the loop or a worker: how often it is tried again, and
// how an error names its place.
#pragma once

#include <nvme/io_queue.hpp>
#include <nvme/segment_map.hpp>
#include <optional>

namespace ballast::nvme {

/// Attempts in a row without progress before it is an error.
inline constexpr unsigned stall_limit = 16;

/// Before attempt `attempt`, from 0: 0.1 ms doubled up to 20 ms, 0.2 s in all.
nanoseconds pause_before(unsigned attempt);

/// "read", "write", "sync"
std::string_view verb(io_op op);

/// "read of 4096 bytes at offset 0 of FILE"
std::string place_of(const segment_map& map, const io_request& request);

/// Of what does not lie inside the store; else nothing.
std::optional<failure> past_the_end(const segment_map& map, io_op op, std::uint64_t address,
                                    bytes size);

/// Of a read that moved nothing.
failure file_ends(const segment_map& map, const io_request& request);

/// Of a request that was tried stall_limit times more; `error` is 0 or the last errno.
failure no_progress(const segment_map& map, const io_request& request, int error);

}  // namespace ballast::nvme
