// The one thread that submits and reaps: takes transfers from any thread, cuts them into requests,
// serves demand before prefetch before write-back, continues what came short, retries what may be
// retried, and judges every completion.
//
// Owned by a store. Bounded: at most `depth` requests under way from memory as it is, the last
// `demand_reserve` of them kept for demand, and one from each staging buffer; all of it is allocated
// at the start. Its destructor waits until every transfer is over, because their memory belongs to
// the queue until then.
#pragma once

#include <array>
#include <atomic>
#include <ballast/block_pool.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <nvme/errno_translator.hpp>
#include <nvme/io_piece.hpp>
#include <nvme/staging.hpp>
#include <string>
#include <thread>
#include <vector>

namespace ballast::nvme {

/// Receives one line about something a person should know and no call reports.
///
/// Threads: the loop's; must not block
using note_sink = std::function<void(std::string_view)>;

/// Requests stay below it: lengths are 32-bit inside.
inline constexpr bytes request_ceiling{1u << 30};

struct loop_options {
  const clock& time;
  nanoseconds deadline;              ///< of transfers that bring none
  note_sink on_note = {};            ///< empty: a line on stderr
  std::uint32_t depth = 16;          ///< requests under way, but for staged ones
  std::uint32_t demand_reserve = 2;  ///< of them for demand alone
  bytes request_limit{4u << 20};     ///< longest request, below 1 GiB
  bytes staging_size{1u << 20};      ///< a staging buffer
  std::uint32_t staging_count = 8;
  /// Memory that transfers are meant to use, worth registering; may be empty. Where there is one,
  /// other memory passes through staging: most of it lies on 4 KiB pages, into which a disk is 2 to 3
  /// times slower.
  std::span<std::byte> arena = {};
};

class io_loop {
 public:
  /// Opens the queue in the loop's thread.
  ///
  /// Errors: the opener's; exhausted without memory or a thread
  static result<std::unique_ptr<io_loop>> start(const loop_options& options, segment_map map,
                                                queue_opener open);
  ~io_loop();
  io_loop(const io_loop&) = delete;
  io_loop& operator=(const io_loop&) = delete;

  /// Threads: any
  /// A sync has no memory; its address tells the file.
  ticket submit(io_op op, const transfer& hop, link_meter& meter);

  const segment_map& map() const { return map_; }
  /// What the queue says of itself, and how many requests of which size it gets at most.
  const std::string& description() const { return description_; }
  /// Transfers that were reported as past their deadline.
  std::uint64_t late_transfers() const { return late_.load(std::memory_order_relaxed); }
  /// Transfer states ever allocated; constant in steady state.
  std::size_t states_made() const { return states_->made(); }

 private:
  using real_clock = std::chrono::steady_clock;
  struct retry {
    real_clock::time_point due;
    std::uint32_t slot;
  };

  io_loop(const loop_options& options, segment_map map, staging stage);

  void run(const queue_opener& open, std::promise<status> opened);
  result<std::unique_ptr<io_queue>> open_queue(const queue_opener& open) const;
  bool take_incoming();
  void accept(std::shared_ptr<io_transfer> added);
  bool in_arena(std::span<const std::byte> memory) const;
  std::optional<failure> refusal(const io_transfer& asked) const;
  void fill();
  transfer_list* next_ready();
  void launch(transfer_list& from, std::vector<io_request>& batch);
  void resubmit_due();
  nanoseconds patience();
  void settle(const io_completion& done);
  void settle_error(std::uint32_t slot, int error);
  void stalled(std::uint32_t slot, int error);
  void retire(std::uint32_t slot);
  void retire_if_over(std::shared_ptr<io_transfer> whole);
  void drop_failed();
  void report_late();
  void look_at(io_transfer& whole, time_point now);

  const loop_options options_;
  const segment_map map_;
  const std::shared_ptr<block_pool> states_ = std::make_shared<block_pool>();
  std::string description_;
  std::atomic<std::uint64_t> late_ = 0;

  std::mutex gate_;
  transfer_list incoming_;        // guarded by gate_
  bool asleep_ = false;           // guarded by gate_; the next submit must wake the queue
  bool stop_ = false;             // guarded by gate_
  io_queue* wakeable_ = nullptr;  // set before start() returns

  // The loop's thread alone, from here on.
  std::unique_ptr<io_queue> queue_;
  staging stage_;
  std::array<std::array<transfer_list, 2>, 3> pending_;  ///< by priority; direct, staged
  std::vector<io_piece> pieces_;                         ///< by slot
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t direct_ = 0;  ///< pieces under way without a staging buffer
  std::vector<io_request> batch_;
  std::vector<retry> retries_;
  std::uint64_t live_ = 0;  ///< transfers accepted and not over
  time_point next_look_{};
  std::thread thread_;
};

}  // namespace ballast::nvme
