// Signs of life between hosts: the first rank of each tells the next host's first, twice a second,
// and hears the one before. A host that is silent is a failure of its first rank, everywhere.
#pragma once

#include <mpi.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "comm/mpi_hosts.hpp"
#include "comm/rank_board.hpp"

namespace ballast::comm {

class mpi_far_beat {
 public:
  /// Begins where this rank is the first of its host, and there are others. `tell` is called, once,
  /// with what it has found.
  mpi_far_beat(const mpi_hosts& hosts, rank_board board, rank_limits limits,
               std::function<void(const failure&)> tell);
  ~mpi_far_beat();
  mpi_far_beat(const mpi_far_beat&) = delete;
  mpi_far_beat& operator=(const mpi_far_beat&) = delete;

 private:
  void beat();
  void send();
  /// Whether anything has come.
  bool hear();

  MPI_Comm world_;
  int next_ = 0;
  int before_ = 0;
  rank_board board_;
  rank_limits limits_;
  std::function<void(const failure&)> tell_;
  MPI_Request sent_ = MPI_REQUEST_NULL;
  char sign_ = 0;

  std::mutex mutex_;
  std::condition_variable woken_;
  bool ending_ = false;  ///< guarded by mutex_
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace ballast::comm
