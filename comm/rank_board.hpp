// Where the ranks of one host meet: a seat each, in memory that all of them can address, threads or
// processes. A rank posts its call, the ranks meet, everybody has read everybody's call.
//
// Each rank has a rank_board of its own on the same memory; one thread of it meets, any may fail.
// Who waits sleeps on a futex and looks every 50 ms whether somebody has failed meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <vector>

#include "comm/posted_call.hpp"
#include "comm/rank_limits.hpp"
#include "comm/rank_process.hpp"

namespace ballast::comm {

/// A rank's seat; its owner writes, all read.
struct alignas(64) rank_seat {
  enum presence : std::uint32_t { present, left, dead };

  std::atomic<std::uint32_t> meetings = 0;  ///< that it has come to
  std::atomic<std::uint32_t> reading = 0;   ///< it may be looking at its peers' memory
  std::atomic<std::uint32_t> gone = present;
  std::atomic<std::uint32_t> beats = 0;  ///< changes while its process lives
  rank_process process;                  ///< where ranks are processes
  std::array<posted_call, 2> calls;      ///< by turns: a slow peer may still read the one before
};

/// The first failure of any rank.
struct alignas(64) common_failure {
  std::atomic<std::uint32_t> state = 0;  ///< none, being written, written
  std::uint32_t code = 0;
  std::array<char, 500> message = {};
};

class rank_board {
 public:
  /// Of the memory of a board.
  static bytes size_for(std::uint32_t ranks);
  /// Once, before any rank uses it.
  ///
  /// Memory:  a multiple of 64, zero
  static void prepare(std::span<std::byte> memory, std::uint32_t ranks);

  /// `numbers`: what the seats' ranks are called in messages.
  rank_board(std::span<std::byte> memory, rank self, std::vector<rank> numbers, rank_limits limits);

  std::uint32_t size() const { return static_cast<std::uint32_t>(numbers_.size()); }
  rank self() const { return self_; }
  rank number(rank seat) const { return numbers_[seat.value]; }
  rank_seat& seat(rank which) const { return seats_[which.value]; }
  /// What the rank in a seat has posted for the collective that all have agreed on.
  const posted_call& call(rank which) const { return seats_[which.value].calls[turn_]; }

  /// Posts this rank's call and meets; fails everywhere unless all of them agree.
  ///
  /// Errors:  communicator_failure, deadline_exceeded: the first failure of any rank, on all ranks
  status agree(const posted_call& mine);
  /// Returns when every rank has come to as many meetings.
  ///
  /// Errors:  as agree
  status meet();

  bool failed() const { return failure_->state.load() != 0; }
  /// Makes this everybody's failure, unless there is one; returns the one there is.
  failure fail(const failure& problem);
  /// Only once failed().
  failure first_failure() const;
  /// This rank comes to no more meetings; it may be dead already, to its peers or by its own word.
  void leave();
  /// Returns when every rank has left or died, at once where one has died, and once a failure is
  /// `most` old; true when all have left.
  bool await_end(nanoseconds most) const;

  /// While it lives this rank may read its peers' memory, unless permitted() is false.
  ///
  /// Why:     a rank whose collective has failed gives its memory back, but not before the others
  ///          have looked away: settle()
  class reading {
   public:
    explicit reading(const rank_board& board);
    ~reading();
    reading(const reading&) = delete;
    reading& operator=(const reading&) = delete;
    bool permitted() const { return !board_.failed(); }

   private:
    const rank_board& board_;
  };
  /// After a failure: returns when no peer that lives reads any more.
  void settle() const;

 private:
  status await(rank peer, std::uint32_t meeting);

  rank self_;
  std::vector<rank> numbers_;
  rank_limits limits_;
  common_failure* failure_;
  std::span<rank_seat> seats_;
  std::size_t turn_ = 0;
};

}  // namespace ballast::comm
