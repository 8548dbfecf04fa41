// Processor time, for what is measured by the work it costs and not by how long it takes.
#pragma once

#include <ctime>

namespace ballast::tools {

inline double seconds_of_clock(clockid_t which) {
  timespec now{};
  ::clock_gettime(which, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Of every thread of this process, the kernel's work for them and ended ones included.
inline double process_cpu_seconds() { return seconds_of_clock(CLOCK_PROCESS_CPUTIME_ID); }
/// Of the calling thread.
inline double thread_cpu_seconds() { return seconds_of_clock(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace ballast::tools
