// Keeps signals away from threads that do I/O.
//
// A write past RLIMIT_FSIZE raises SIGXFSZ in the writing thread, which kills the process by
// default; blocked there, the write returns EFBIG and becomes a typed error. The process's own
// signal dispositions stay untouched.
#pragma once

#include <signal.h>

namespace ballast::nvme {

/// Blocks SIGXFSZ in the calling thread for its lifetime and takes what arrived meanwhile.
class signal_guard {
 public:
  signal_guard() {
    ::sigemptyset(&own_);
    ::sigaddset(&own_, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &own_, &before_);
  }
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;
  ~signal_guard() {
    const timespec at_once{};
    if (::sigismember(&before_, SIGXFSZ) == 0) {
      while (::sigtimedwait(&own_, nullptr, &at_once) > 0) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t own_;
  sigset_t before_;
};

/// For a thread of this room: every signal but those of its own faults goes to other threads.
inline void block_signals_in_this_thread() {
  sigset_t all;
  ::sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) {
    ::sigdelset(&all, fault);
  }
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace ballast::nvme
