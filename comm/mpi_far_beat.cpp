#include "comm/mpi_far_beat.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>

namespace ballast::comm {
namespace {

constexpr int a_sign = 2;  ///< tag of its messages, none of mpi_far_ranks'
constexpr nanoseconds beat_time = std::chrono::milliseconds(500);
/// What one turn counts at most. A machine that was suspended was silent as a whole.
constexpr nanoseconds longest_turn = 3 * beat_time;

}  // namespace

mpi_far_beat::mpi_far_beat(const mpi_hosts& hosts, rank_board board, rank_limits limits,
                           std::function<void(const failure&)> tell)
    : world_(hosts.world), board_(std::move(board)), limits_(limits), tell_(std::move(tell)) {
  if (board_.self().value != 0 || hosts.firsts.size() < 2) return;
  const auto mine = std::ranges::find(hosts.firsts, hosts.here.front());
  const auto at = static_cast<std::size_t>(mine - hosts.firsts.begin());
  const std::size_t count = hosts.firsts.size();
  next_ = static_cast<int>(hosts.firsts[(at + 1) % count].value);
  before_ = static_cast<int>(hosts.firsts[(at + count - 1) % count].value);
  thread_ = std::jthread([this] { beat(); });
}

mpi_far_beat::~mpi_far_beat() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  woken_.notify_one();
  if (!thread_.joinable()) return;
  thread_.join();
  if (sent_ != MPI_REQUEST_NULL) MPI_Request_free(&sent_);
}

void mpi_far_beat::beat() {
  ::pthread_setname_np(::pthread_self(), "ballast-far-beat");
  nanoseconds silent{0};
  auto last = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!woken_.wait_for(lock, beat_time, [this] { return ending_; })) {
    const auto now = std::chrono::steady_clock::now();
    const nanoseconds passed = std::min<nanoseconds>(now - last, longest_turn);
    last = now;
    send();
    silent = hear() ? nanoseconds{} : silent + passed;
    if (silent <= limits_.silence || board_.failed()) continue;
    tell_(board_.fail({errc::communicator_failure,
                       fmt::format("the host of rank {} has given no sign of life for {:.1f} s",
                                   before_, std::chrono::duration<double>(silent).count())}));
  }
}

void mpi_far_beat::send() {
  int through = 1;
  if (sent_ != MPI_REQUEST_NULL) MPI_Test(&sent_, &through, MPI_STATUS_IGNORE);
  if (through != 0) MPI_Isend(&sign_, 1, MPI_CHAR, next_, a_sign, world_, &sent_);
}

bool mpi_far_beat::hear() {
  bool heard = false;
  for (int there = 1;; heard = true) {
    MPI_Iprobe(before_, a_sign, world_, &there, MPI_STATUS_IGNORE);
    if (there == 0) return heard;
    char sign = 0;
    MPI_Recv(&sign, 1, MPI_CHAR, before_, a_sign, world_, MPI_STATUS_IGNORE);
  }
}

}  // namespace ballast::comm
