#include "comm/rank_board.hpp"

#include <fmt/format.h>
#include <immintrin.h>

#include <algorithm>
#include <ballast/assert.hpp>
#include <memory>

#include "comm/futex.hpp"

namespace ballast::comm {
namespace {

enum failure_state : std::uint32_t { none, being_written, written };

/// How often who sleeps looks whether anything else has happened.
constexpr nanoseconds glance = std::chrono::milliseconds(50);
/// Looks before sleeping: some microseconds, in which peers that are as fast arrive.
constexpr int patience = 100;

}  // namespace

bytes rank_board::size_for(std::uint32_t ranks) {
  return {sizeof(common_failure) + ranks * sizeof(rank_seat)};
}

void rank_board::prepare(std::span<std::byte> memory, std::uint32_t ranks) {
  require(memory.size() >= size_for(ranks).value, "a board has a seat for every rank");
  std::construct_at(reinterpret_cast<common_failure*>(memory.data()));
  auto* const seats = reinterpret_cast<rank_seat*>(memory.data() + sizeof(common_failure));
  std::uninitialized_value_construct_n(seats, ranks);
}

rank_board::rank_board(std::span<std::byte> memory, rank self, std::vector<rank> numbers,
                       rank_limits limits)
    : self_(self),
      numbers_(std::move(numbers)),
      limits_(limits),
      failure_(reinterpret_cast<common_failure*>(memory.data())),
      seats_(reinterpret_cast<rank_seat*>(memory.data() + sizeof(common_failure)),
             numbers_.size()) {}

status rank_board::agree(const posted_call& mine) {
  // After a failure a slower peer may still read the calls of the turn before the last one.
  if (failed()) return first_failure();
  turn_ = 1 - turn_;
  seat(self_).calls[turn_] = mine;
  if (const status met = meet(); !met) return met;
  for (std::uint32_t peer = 0; peer < size(); ++peer) {
    if (!mine.agrees_with(call({peer}))) {
      return fail(disagreement(number(self_), mine, number({peer}), call({peer})));
    }
  }
  return {};
}

status rank_board::meet() {
  // Who comes after a failure does not come: nobody may take the meeting for held.
  if (failed()) return first_failure();
  rank_seat& mine = seat(self_);
  const std::uint32_t meeting = mine.meetings.load(std::memory_order_relaxed) + 1;
  mine.meetings.store(meeting);
  futex_wake_all(mine.meetings);
  for (std::uint32_t peer = 0; peer < size(); ++peer) {
    if (const status there = await({peer}, meeting); !there) return there;
  }
  return {};
}

status rank_board::await(rank peer, std::uint32_t meeting) {
  const rank_seat& theirs = seat(peer);
  const auto begin = std::chrono::steady_clock::now();
  for (int looks = 0;; ++looks) {
    const bool gone = theirs.gone.load() != rank_seat::present;
    const std::uint32_t seen = theirs.meetings.load();
    if (static_cast<std::int32_t>(seen - meeting) >= 0) return {};
    if (failed()) return first_failure();
    if (gone) {
      return fail(departure(number(peer), call(self_)));
    }
    if (looks < patience) {
      _mm_pause();
      continue;
    }
    if (std::chrono::steady_clock::now() - begin > limits_.lateness) {
      return fail({errc::deadline_exceeded,
                   fmt::format("rank {} did not come to {} within {:.1f} s", number(peer).value,
                               call(self_).text(),
                               std::chrono::duration<double>(limits_.lateness).count())});
    }
    futex_wait(theirs.meetings, seen, std::min(glance, limits_.lateness));
  }
}

failure rank_board::fail(const failure& problem) {
  std::uint32_t found = none;
  if (failure_->state.compare_exchange_strong(found, being_written)) {
    failure_->code = static_cast<std::uint32_t>(problem.code);
    const std::size_t size = std::min(problem.message.size(), failure_->message.size() - 1);
    std::copy_n(problem.message.begin(), size, failure_->message.begin());
    failure_->state.store(written);
    for (const rank_seat& each : seats_) futex_wake_all(each.meetings);
  }
  return first_failure();
}

failure rank_board::first_failure() const {
  // Whoever writes it may have died at just that.
  for (int looks = 0; failure_->state.load() != written; ++looks) {
    if (looks == patience) return {errc::communicator_failure, "a rank has failed"};
    futex_wait(failure_->state, being_written, std::chrono::milliseconds(1));
  }
  return {static_cast<errc>(failure_->code), std::string(failure_->message.data())};
}

void rank_board::leave() {
  std::uint32_t there = rank_seat::present;
  seat(self_).gone.compare_exchange_strong(there, rank_seat::left);
  futex_wake_all(seat(self_).meetings);
}

bool rank_board::await_end(nanoseconds most) const {
  nanoseconds failed_for{0};
  for (const rank_seat& each : seats_) {
    for (;;) {
      const std::uint32_t seen = each.meetings.load();
      const std::uint32_t gone = each.gone.load();
      if (gone == rank_seat::left) break;
      if (gone == rank_seat::dead || failed_for > most) return false;
      const auto before = std::chrono::steady_clock::now();
      futex_wait(each.meetings, seen, glance);
      if (failed()) failed_for += std::chrono::steady_clock::now() - before;
    }
  }
  return true;
}

rank_board::reading::reading(const rank_board& board) : board_(board) {
  board_.seat(board_.self_).reading.store(1);
}

rank_board::reading::~reading() {
  rank_seat& mine = board_.seat(board_.self_);
  mine.reading.store(0);
  if (board_.failed()) futex_wake_all(mine.reading);
}

void rank_board::settle() const {
  for (const rank_seat& each : seats_) {
    while (each.reading.load() != 0 && each.gone.load() == rank_seat::present) {
      futex_wait(each.reading, 1, glance);
    }
  }
}

}  // namespace ballast::comm
