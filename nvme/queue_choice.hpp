// Which queue a store gets: the one asked for, or the best one this machine allows.
#pragma once

#include <ballast/config.hpp>
#include <nvme/io_queue.hpp>

namespace ballast::nvme {

/// automatic: io_uring, and where it is refused pread/pwrite with the refusal in its description.
/// uring, posix: that one, or its opener's error.
queue_opener choose_queue(io_backend backend);

}  // namespace ballast::nvme
