// Signs of life of processes that are ranks of one host, and what happens when they cease: the rank
// is everybody's failure, and its process is ended, so that a stopped one does not stay behind.
//
// A thread of its own beats ten times a second, whatever its process computes or waits for, and looks
// at the next living rank in the ring. Deadlines are on beats, never on progress: a slow disk is not
// a dead peer.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "comm/rank_board.hpp"

namespace ballast::comm {

class heartbeat {
 public:
  /// What the process does about a failure; both called by the heartbeat's thread, at most once.
  struct reactions {
    /// A failure that this rank has found, or that the process has not looked at for some time.
    std::function<void(const failure&)> tell;
    /// The process has not ended the heartbeat for some time after a failure: it computes, or waits.
    std::function<void()> end_process;
  };

  heartbeat(rank_board board, rank_limits limits, reactions to_failure);
  ~heartbeat();
  heartbeat(const heartbeat&) = delete;
  heartbeat& operator=(const heartbeat&) = delete;

 private:
  void beat();
  /// Looks at the next living rank, `passed` after the last look.
  void watch(nanoseconds passed);
  void lose(rank which, std::string_view how);
  void tell();

  rank_board board_;
  rank_limits limits_;
  reactions to_failure_;
  bool told_ = false;
  rank watched_;          ///< itself where nobody else is there
  bool visible_ = false;  ///< its process can be seen from here
  std::uint32_t seen_beats_ = 0;
  nanoseconds silent_{0};
  nanoseconds failed_for_{0};

  std::mutex mutex_;
  std::condition_variable woken_;
  bool ending_ = false;  ///< guarded by mutex_
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace ballast::comm
