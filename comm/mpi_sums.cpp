#include "comm/mpi_sums.hpp"

#include <fmt/format.h>

#include <array>
#include <thread>

#include "comm/mpi_errors.hpp"
#include "comm/ordered_sum.hpp"
#include "comm/shard_piece.hpp"

namespace ballast::comm {
namespace {

using namespace literals;

/// Of a shard. MPI's copies of a piece stay in a core's second cache: of 64 MiB over two ranks it sums
/// pieces of 64 KiB to 1 MiB in 26 to 34 ms, of 4 MiB in 56 ms and all at once in 62 ms (Open MPI 4.1,
/// November 2026).
constexpr bytes piece_size = 256_KiB;
/// Looks without giving the core away.
constexpr int patience = 100;
/// In which the ranks may come to the end of a sum after a failure: less than heartbeat gives them.
constexpr nanoseconds grace = std::chrono::milliseconds(500);

template <dtype Type>
void add(void* brought, void* sum, int* count, MPI_Datatype*) {
  auto* const target = static_cast<std::byte*>(sum);
  const std::array<const std::byte*, 2> sources{static_cast<const std::byte*>(brought), target};
  const auto size = size_of(Type) * static_cast<std::uint64_t>(*count);
  ordered_sum({target, size.value}, sources, Type);
}

}  // namespace

mpi_sums::mpi_sums(MPI_Comm world, rank_board board, rank_limits limits)
    : world_(world), board_(std::move(board)), limits_(limits) {
  // One that was not made is noticed where it is used.
  MPI_Op_create(add<dtype::bf16>, 1, &add_bf16_);
  MPI_Op_create(add<dtype::f16>, 1, &add_f16_);
}

mpi_sums::~mpi_sums() {
  if (lost_) return;
  for (MPI_Op* each : {&add_bf16_, &add_f16_}) {
    if (*each != MPI_OP_NULL) MPI_Op_free(each);
  }
}

status mpi_sums::reduce_scatter(const reduction& what, const posted_call& call) {
  const time_point begun = std::chrono::steady_clock::now();
  const elements step{piece_size / size_of(what.type)};
  failing_since_.reset();
  for (elements at; at < longest(what.shards); at += step) {
    const status all_begun = begin(what, at, step);
    if (!all_begun) (void)board_.fail(all_begun.error());
    if (const status summed = await(call, begun); !summed) return summed;
  }
  return board_.failed() ? status(board_.first_failure()) : status();
}

status mpi_sums::begin(const reduction& what, elements at, elements most) {
  const shard_piece now{at, most};
  const bytes width = size_of(what.type);
  const rank self = board_.number(board_.self());
  const MPI_Datatype type = what.type == dtype::f32 ? MPI_FLOAT : MPI_UINT16_T;
  const MPI_Op sum = what.type == dtype::f32    ? MPI_SUM
                     : what.type == dtype::bf16 ? add_bf16_
                                                : add_f16_;
  requests_.clear();
  for (std::uint32_t root = 0; root < what.shards.size(); ++root) {
    const element_range shard = what.shards[root];
    const element_range part = now.of(shard);
    if (part.empty()) continue;
    const auto brought = part_of(what.whole, part, width);
    const void* from = brought.data();
    void* to = nullptr;
    if (root == self.value) {
      // What the root brings lies where the sum will be, or MPI would not have that inside the whole.
      const auto target = part_of(what.shard, {part.begin - shard.begin, part.count}, width);
      copy(target, brought.data());
      from = MPI_IN_PLACE;
      to = target.data();
    }
    MPI_Request request = MPI_REQUEST_NULL;
    const int code = MPI_Ireduce(from, to, static_cast<int>(part.count.value), type, sum,
                                 static_cast<int>(root), world_, &request);
    if (const status begun = mpi_status(code, "MPI_Ireduce"); !begun) return begun;
    requests_.push_back(request);
  }
  return {};
}

status mpi_sums::await(const posted_call& call, time_point begun) {
  for (int looks = 0;; ++looks) {
    int through = 0;
    const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &through,
                                 MPI_STATUSES_IGNORE);
    const status looked = mpi_status(code, "MPI_Ireduce");
    if (looked && through != 0) return {};
    if (!looked) {
      (void)board_.fail(looked.error());
    } else if (std::chrono::steady_clock::now() - begun > limits_.lateness) {
      (void)board_.fail(
          {errc::deadline_exceeded,
           fmt::format("MPI has not come to the end of {} within {:.1f} s", call.text(),
                       std::chrono::duration<double>(limits_.lateness).count())});
    }
    if (const status late = overdue(); !late) {
      lost_ = true;
      board_.seat(board_.self()).gone.store(rank_seat::dead);
      return late;
    }
    // MPI moves nothing while nobody calls it: a pause would be added to every step of a sum.
    if (looks > patience) std::this_thread::yield();
  }
}

status mpi_sums::overdue() {
  if (!board_.failed()) return {};
  const time_point now = std::chrono::steady_clock::now();
  if (!failing_since_) failing_since_ = now;
  return now - *failing_since_ < grace ? status() : status(board_.first_failure());
}

}  // namespace ballast::comm
