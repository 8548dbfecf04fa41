// The room's one translator of errno: what the loop does about it, and the typed error it becomes.
//
// The table is in README.md. An errno that only a defect of Ballast can cause ends the process with
// the place of the call; everything else is a value.
#pragma once

#include <ballast/result.hpp>
#include <source_location>
#include <string_view>

namespace ballast::nvme {

enum class io_verdict {
  retry_now,    ///< interrupted: the same request again
  retry_later,  ///< the kernel is short of something: again after a pause, a bounded number of
                ///< times
  no_space,     ///< the file system, a quota or a file size limit is full
  failed,       ///< the device or the file system failed
};

/// `error` is a positive errno.
io_verdict judge(int error, std::source_location where = std::source_location::current());

/// The typed error of `error`; the message is "`what`: <text of errno> (<name>)" and, where a
/// person can do something about it, what.
failure make_failure(int error, std::string_view what,
                     std::source_location where = std::source_location::current());

/// "ENOSPC" for ENOSPC.
std::string_view errno_name(int error);

}  // namespace ballast::nvme
