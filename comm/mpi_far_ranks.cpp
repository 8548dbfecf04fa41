#include "comm/mpi_far_ranks.hpp"

#include <fmt/format.h>

#include <ballast/assert.hpp>
#include <climits>
#include <optional>
#include <thread>

#include "comm/mpi_errors.hpp"

namespace ballast::comm {
namespace {

enum message_tag : int { a_call, a_piece };

/// Looks without a pause, and then the pause between looks.
constexpr int patience = 2000;
constexpr std::chrono::microseconds pause(50);
constexpr std::chrono::milliseconds parting_pause(1);

}  // namespace

mpi_far_ranks::mpi_far_ranks(MPI_Comm world, std::vector<rank> ranks, rank_board board,
                             rank_limits limits)
    : world_(world),
      ranks_(std::move(ranks)),
      board_(std::move(board)),
      limits_(limits),
      calls_(ranks_.size()) {
  requests_.reserve(2 * ranks_.size());
  for (posted_call& each : calls_) {
    told_.push_back(std::as_bytes(std::span(&mine_, 1)));
    heard_.push_back(std::as_writable_bytes(std::span(&each, 1)));
  }
}

result<std::span<const posted_call>> mpi_far_ranks::tell(const posted_call& mine) {
  mine_ = mine;
  if (const status told = move(told_, heard_, a_call); !told) return told.error();
  return std::span<const posted_call>(calls_);
}

status mpi_far_ranks::exchange(std::span<const std::span<const std::byte>> sends,
                               std::span<const std::span<std::byte>> takes) {
  return move(sends, takes, a_piece);
}

status mpi_far_ranks::move(std::span<const std::span<const std::byte>> sends,
                           std::span<const std::span<std::byte>> takes, int tag) {
  requests_.clear();
  status begun;
  const auto begin = [&](std::size_t size, const auto& call) {
    require(size <= INT_MAX, "a message has less than 2 GiB");
    if (size == 0 || !begun) return;
    MPI_Request request = MPI_REQUEST_NULL;
    begun = mpi_status(call(static_cast<int>(size), &request), "a message between hosts");
    requests_.push_back(request);
  };
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const int peer = static_cast<int>(ranks_[i].value);
    begin(takes[i].size(), [&](int size, MPI_Request* request) {
      return MPI_Irecv(takes[i].data(), size, MPI_BYTE, peer, tag, world_, request);
    });
  }
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const int peer = static_cast<int>(ranks_[i].value);
    begin(sends[i].size(), [&](int size, MPI_Request* request) {
      return MPI_Isend(sends[i].data(), size, MPI_BYTE, peer, tag, world_, request);
    });
  }
  return begun ? await() : begun;
}

status mpi_far_ranks::await() {
  const auto begin = std::chrono::steady_clock::now();
  for (int looks = 0;; ++looks) {
    int through = 0;
    const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &through,
                                 MPI_STATUSES_IGNORE);
    status outcome = mpi_status(code, "messages between hosts");
    if (outcome && through != 0) return {};
    if (outcome && std::chrono::steady_clock::now() - begin > limits_.lateness) {
      outcome = failure{
          errc::deadline_exceeded,
          fmt::format("a rank of another host did not come to {} within {:.1f} s", mine_.text(),
                      std::chrono::duration<double>(limits_.lateness).count())};
    }
    if (outcome && board_.failed()) outcome = board_.first_failure();
    if (!outcome) {
      cancel();  // memory goes back to the caller: nothing may arrive in it any more
      return board_.fail(outcome.error());
    }
    if (looks > patience) std::this_thread::sleep_for(pause);
  }
}

void mpi_far_ranks::cancel() {
  for (MPI_Request& each : requests_) {
    if (each == MPI_REQUEST_NULL) continue;
    MPI_Cancel(&each);
    MPI_Request_free(&each);
  }
}

bool mpi_far_ranks::part(nanoseconds most) {
  const std::size_t count = ranks_.size();
  requests_.assign(2 * count, MPI_REQUEST_NULL);
  const auto hear = [&](std::size_t i) {
    MPI_Irecv(heard_[i].data(), sizeof(posted_call), MPI_BYTE, static_cast<int>(ranks_[i].value),
              a_call, world_, &requests_[i]);
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (calls_[i].kind != collective_kind::end) hear(i);
    MPI_Isend(&end_, sizeof(end_), MPI_BYTE, static_cast<int>(ranks_[i].value), a_call, world_,
              &requests_[count + i]);
  }
  std::optional<std::chrono::steady_clock::time_point> deadline;
  for (bool going_on = false;;) {
    int which = MPI_UNDEFINED;
    int through = 0;
    const int code = MPI_Testany(static_cast<int>(requests_.size()), requests_.data(), &which,
                                 &through, MPI_STATUS_IGNORE);
    if (code == MPI_SUCCESS && through != 0 && which == MPI_UNDEFINED) return true;
    const auto far = static_cast<std::size_t>(which);
    if (through != 0 && far < count && calls_[far].kind != collective_kind::end) {
      going_on = true;  // it is about to hear of this end
      hear(far);
    }
    const auto now = std::chrono::steady_clock::now();
    if (!deadline && (going_on || board_.failed())) deadline = now + most;
    if (code != MPI_SUCCESS || (deadline && now > *deadline)) {
      cancel();
      return false;
    }
    if (through == 0) std::this_thread::sleep_for(parting_pause);
  }
}

}  // namespace ballast::comm
