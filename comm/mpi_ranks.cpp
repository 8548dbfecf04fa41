#include "comm/mpi_ranks.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "comm/heartbeat.hpp"
#include "comm/host_ranks.hpp"
#include "comm/mpi_far_beat.hpp"
#include "comm/mpi_far_ranks.hpp"
#include "comm/mpi_host_memory.hpp"
#include "comm/mpi_hosts.hpp"
#include "comm/mpi_job.hpp"
#include "comm/mpi_sums.hpp"

namespace ballast::comm {
namespace {

/// In which the others of this host may leave after a failure, before the job is aborted.
constexpr nanoseconds parting = std::chrono::seconds(3);
/// The same of other hosts: less, because the lost one may be among them, and mpirun takes its time.
constexpr nanoseconds far_parting = std::chrono::milliseconds(300);

/// What the ranks share, and how they part.
class mpi_ties {
 public:
  mpi_ties(mpi_hosts hosts, mpi_window board, std::shared_ptr<mpi_host_memory> memory)
      : hosts_(std::move(hosts)), board_window_(std::move(board)), memory_(std::move(memory)) {}
  ~mpi_ties() {
    if (!together_) return;
    memory_->free();
    board_window_.free();
    MPI_Comm_free(&hosts_.host);
    MPI_Comm_free(&hosts_.world);
  }
  mpi_ties(const mpi_ties&) = delete;
  mpi_ties& operator=(const mpi_ties&) = delete;

  const mpi_hosts& hosts() const { return hosts_; }
  /// Whether all are still there, to free what they share.
  void part(bool together) { together_ = together; }

 private:
  mpi_hosts hosts_;
  mpi_window board_window_;
  std::shared_ptr<mpi_host_memory> memory_;
  bool together_ = false;
};

void say(const failure& why) { fmt::print(stderr, "ballast: {}\n", why.message); }

heartbeat::reactions reactions_to_failure() {
  return {.tell = say, .end_process = [] { MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE); }};
}

class mpi_ranks final : public collectives {
 public:
  mpi_ranks(std::unique_ptr<mpi_ties> ties, std::shared_ptr<mpi_host_memory> memory,
            const rank_board& board, rank_limits limits)
      : ties_(std::move(ties)),
        board_(board),
        heart_(std::in_place, board, limits, reactions_to_failure()),
        far_heart_(std::in_place, ties_->hosts(), board, limits, say),
        far_(far_ranks_of(limits)),
        ranks_(std::in_place, "MPI", board, std::move(memory), far_,
               std::make_unique<mpi_sums>(ties_->hosts().world, board, limits)) {}

  ~mpi_ranks() override {
    ranks_.reset();
    const bool far_parted = far_->part(far_parting);
    const bool together = board_.await_end(parting) && far_parted;
    far_heart_.reset();
    heart_.reset();
    ties_->part(together);
    if (!together) give_up_mpi_job();
  }

  std::string_view name() const override { return ranks_->name(); }
  rank self() const override { return ranks_->self(); }
  std::uint32_t size() const override { return ranks_->size(); }
  std::uint32_t host_size() const override { return ranks_->host_size(); }
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
  rank_traffic received() const override { return ranks_->received(); }
  void abort(std::string_view cause) override { ranks_->abort(cause); }

 private:
  std::shared_ptr<far_ranks> far_ranks_of(rank_limits limits) const {
    const mpi_hosts& hosts = ties_->hosts();
    if (hosts.far.empty()) return std::make_shared<no_far_ranks>();
    return std::make_shared<mpi_far_ranks>(hosts.world, hosts.far, board_, limits);
  }

  std::unique_ptr<mpi_ties> ties_;
  rank_board board_;
  std::optional<heartbeat> heart_;
  std::optional<mpi_far_beat> far_heart_;
  std::shared_ptr<far_ranks> far_;
  std::optional<host_ranks> ranks_;
};

}  // namespace

result<std::unique_ptr<collectives>> make_mpi_ranks(rank_limits limits, std::uint32_t pretended) {
  if (const status joined = join_mpi_job(); !joined) return joined.error();
  auto hosts = mpi_hosts::find(pretended);
  if (!hosts) return hosts.error();
  int self = 0;
  MPI_Comm_rank(hosts->host, &self);
  const auto seats = static_cast<std::uint32_t>(hosts->here.size());
  const rank seat{static_cast<std::uint32_t>(self)};
  auto window = mpi_window::make(hosts->host, self == 0 ? rank_board::size_for(seats) : bytes{});
  if (!window) return window.error();
  auto made = mpi_host_memory::make(hosts->host);
  if (!made) return made.error();
  const std::shared_ptr<mpi_host_memory> memory = *std::move(made);

  const std::span<std::byte> board_memory = window->part({0});
  if (self == 0) rank_board::prepare(board_memory, seats);
  MPI_Barrier(hosts->host);
  const rank_board board(board_memory, seat, hosts->here, limits);
  board.seat(seat).process = rank_process::self();
  MPI_Barrier(hosts->world);
  return std::unique_ptr<collectives>(std::make_unique<mpi_ranks>(
      std::make_unique<mpi_ties>(*std::move(hosts), *std::move(window), memory), memory, board,
      limits));
}

}  // namespace ballast::comm
