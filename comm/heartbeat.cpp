#include "comm/heartbeat.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

namespace ballast::comm {
namespace {

constexpr nanoseconds beat_time = std::chrono::milliseconds(100);
/// What one turn counts at most. A machine that was suspended was silent as a whole.
constexpr nanoseconds longest_turn = 3 * beat_time;
/// In which a process may hear of a failure by itself and leave.
constexpr nanoseconds grace = std::chrono::seconds(2);

}  // namespace

heartbeat::heartbeat(rank_board board, rank_limits limits, reactions to_failure)
    : board_(std::move(board)),
      limits_(limits),
      to_failure_(std::move(to_failure)),
      watched_(board_.self()),
      thread_([this] { beat(); }) {}

heartbeat::~heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  woken_.notify_one();
}

void heartbeat::beat() {
  ::pthread_setname_np(::pthread_self(), "ballast-beat");
  auto last = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!woken_.wait_for(lock, beat_time, [this] { return ending_; })) {
    const auto now = std::chrono::steady_clock::now();
    const nanoseconds passed = std::min<nanoseconds>(now - last, longest_turn);
    last = now;
    board_.seat(board_.self()).beats += 1;
    watch(passed);
    if (!board_.failed()) continue;
    const bool was_young = failed_for_ < grace;
    failed_for_ += passed;
    if (was_young && failed_for_ >= grace) {
      tell();
      to_failure_.end_process();
    }
  }
}

void heartbeat::watch(nanoseconds passed) {
  const rank_seat& theirs = board_.seat(watched_);
  if (watched_ == board_.self() || theirs.gone.load() != rank_seat::present) {
    for (std::uint32_t next = 1; next <= board_.size(); ++next) {
      watched_ = {(board_.self().value + next) % board_.size()};
      if (board_.seat(watched_).gone.load() == rank_seat::present) break;
    }
    visible_ = board_.seat(watched_).process.visible();
    silent_ = {};
    return;
  }
  const std::uint32_t beats = theirs.beats.load();
  silent_ = beats == seen_beats_ ? silent_ + passed : nanoseconds{};
  seen_beats_ = beats;
  if (visible_ && !theirs.process.lives()) {
    lose(watched_, "has died");
  } else if (silent_ > limits_.silence) {
    lose(watched_, fmt::format("has given no sign of life for {:.1f} s",
                               std::chrono::duration<double>(silent_).count()));
  }
}

void heartbeat::lose(rank which, std::string_view how) {
  rank_seat& theirs = board_.seat(which);
  (void)board_.fail({errc::communicator_failure,
                     fmt::format("rank {} (process {}) {}", board_.number(which).value,
                                 theirs.process.number, how)});
  // Before whoever has started the ranks learns of a death and ends all of them.
  tell();
  if (visible_) theirs.process.end();
  theirs.gone.store(rank_seat::dead);
}

void heartbeat::tell() {
  if (!std::exchange(told_, true)) to_failure_.tell(board_.first_failure());
}

}  // namespace ballast::comm
