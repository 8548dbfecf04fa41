#include "comm/mpi_ranks.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "comm/heartbeat.hpp"
#include "comm/host_ranks.hpp"
#include "comm/mpi_errors.hpp"
#include "comm/mpi_host_memory.hpp"
#include "comm/mpi_job.hpp"

namespace ballast::comm {
namespace {

/// In which the others may leave after a failure, before the job is aborted.
constexpr nanoseconds parting = std::chrono::seconds(3);

/// What the ranks of this host share, and how they part.
class mpi_host {
 public:
  mpi_host(MPI_Comm ranks, mpi_window board, std::shared_ptr<mpi_host_memory> memory)
      : ranks_(ranks), board_window_(std::move(board)), memory_(std::move(memory)) {}
  ~mpi_host() {
    if (!together_) return;
    memory_->free();
    board_window_.free();
    MPI_Comm_free(&ranks_);
  }
  mpi_host(const mpi_host&) = delete;
  mpi_host& operator=(const mpi_host&) = delete;

  /// Whether all are still there, to free what they share.
  void part(bool together) { together_ = together; }

 private:
  MPI_Comm ranks_;
  mpi_window board_window_;
  std::shared_ptr<mpi_host_memory> memory_;
  bool together_ = false;
};

heartbeat::reactions reactions_to_failure() {
  return {.tell = [](const failure& why) { fmt::print(stderr, "ballast: {}\n", why.message); },
          .end_process = [] { MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE); }};
}

class mpi_ranks final : public collectives {
 public:
  mpi_ranks(std::unique_ptr<mpi_host> host, std::shared_ptr<mpi_host_memory> memory,
            const rank_board& board, rank_limits limits)
      : host_(std::move(host)),
        board_(board),
        heart_(std::in_place, board, limits, reactions_to_failure()),
        ranks_(std::in_place, "MPI", board, std::move(memory)) {}

  ~mpi_ranks() override {
    ranks_.reset();
    const bool together = board_.await_end(parting);
    heart_.reset();
    host_->part(together);
    if (!together) give_up_mpi_job();
  }

  std::string_view name() const override { return ranks_->name(); }
  rank self() const override { return ranks_->self(); }
  std::uint32_t size() const override { return ranks_->size(); }
  result<std::unique_ptr<memory_region>> make_region(bytes size) override {
    return ranks_->make_region(size);
  }
  status reduce_scatter(const reduction& what, collective_tag tag) override {
    return ranks_->reduce_scatter(what, tag);
  }
  status all_gather(const gathering& what, collective_tag tag) override {
    return ranks_->all_gather(what, tag);
  }
  result<bool> any(bool mine, collective_tag tag) override { return ranks_->any(mine, tag); }
  void abort(std::string_view cause) override { ranks_->abort(cause); }

 private:
  std::unique_ptr<mpi_host> host_;
  rank_board board_;
  std::optional<heartbeat> heart_;
  std::optional<host_ranks> ranks_;
};

/// The ranks of this host among those of the job.
///
/// Errors: communicator_failure; unsupported where there are others
result<MPI_Comm> split_by_host() {
  MPI_Comm host = MPI_COMM_NULL;
  const int code =
      MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  if (const status split = mpi_status(code, "MPI_Comm_split_type"); !split) return split.error();
  int here = 0;
  int all = 0;
  MPI_Comm_size(host, &here);
  MPI_Comm_size(MPI_COMM_WORLD, &all);
  if (here != all) {
    return failure{errc::unsupported,
                   fmt::format("{} of {} ranks are on this host: not in this version of Ballast; "
                               "start all of them on one",
                               here, all)};
  }
  return host;
}

}  // namespace

result<std::unique_ptr<collectives>> make_mpi_ranks(rank_limits limits) {
  if (const status joined = join_mpi_job(); !joined) return joined.error();
  auto host = split_by_host();
  if (!host) return host.error();
  int self = 0;
  int size = 0;
  MPI_Comm_rank(*host, &self);
  MPI_Comm_size(*host, &size);
  const auto ranks = static_cast<std::uint32_t>(size);
  const rank seat{static_cast<std::uint32_t>(self)};
  auto window = mpi_window::make(*host, self == 0 ? rank_board::size_for(ranks) : bytes{});
  if (!window) return window.error();
  auto made = mpi_host_memory::make(*host);
  if (!made) return made.error();
  const std::shared_ptr<mpi_host_memory> memory = *std::move(made);

  const std::span<std::byte> board_memory = window->part({0});
  if (self == 0) rank_board::prepare(board_memory, ranks);
  MPI_Barrier(*host);
  std::vector<rank> numbers;
  for (std::uint32_t number = 0; number < ranks; ++number) numbers.push_back({number});
  const rank_board board(board_memory, seat, std::move(numbers), limits);
  board.seat(seat).process = rank_process::self();
  MPI_Barrier(*host);
  return std::unique_ptr<collectives>(std::make_unique<mpi_ranks>(
      std::make_unique<mpi_host>(*host, *std::move(window), memory), memory, board, limits));
}

}  // namespace ballast::comm
