// How much memory this process can still touch before the kernel would kill something: what the
// machine has free or can reclaim, and what the process's control groups leave it.
//
// An estimate of one moment; whoever allocates much asks first and refuses what cannot fit.
#pragma once

#include <ballast/types.hpp>
#include <filesystem>
#include <string>

namespace ballast::cpu {

struct available_memory {
  bytes amount;
  std::string limited_by;  ///< "the machine" or "the control group PATH": for messages
};

/// Reads `root`/proc and `root`/sys/fs/cgroup; an unreadable file sets no limit.
///
/// Units: amount in bytes; page cache counts as free, in a control group too
available_memory find_available_memory(const std::filesystem::path& root = "/");

}  // namespace ballast::cpu
