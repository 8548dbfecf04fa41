// The step by hand: one thread that keeps a queue, some workers that each take a tile that arrived,
// check, update and stamp it, slice by slice, and hand it back to be written. No graph, no links, no
// priorities, one step's tiles in one file a folder: what the engine's own work is compared with.
#pragma once

#include <ballast/clock.hpp>
#include <ballast/config.hpp>
#include <ballast/memory.hpp>
#include <nvme/digest_table.hpp>
#include <nvme/io_queue.hpp>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "tools/bench/bench_files.hpp"
#include "tools/bench/step_arm.hpp"
#include "tools/bench/synthetic_training.hpp"

namespace ballast::tools {

class loop_arm final : public step_arm {
 public:
  /// Tiles, depths, requests and folders as `config` has them; `of` outlives it.
  ///
  /// Errors: exhausted, no_space, io_failure, unsupported
  static result<std::unique_ptr<loop_arm>> make(const synthetic_training& of,
                                                const engine_config& config);
  ~loop_arm() override;

  /// Host memory that it takes.
  static bytes memory_of(const synthetic_training& of, const engine_config& config);

  std::string_view name() const override { return "loop"; }
  std::string description() const override;
  std::uint32_t tiles() const override;
  result<step_sample> step() override;
  status masters(elements first, std::span<float> values) override;

 private:
  struct buffer {
    std::span<std::byte> memory;
    std::uint32_t tile = 0;
    bool reading = false;
    std::uint64_t asked = 0;  ///< bytes handed to the queue
    std::uint64_t left = 0;   ///< bytes that have not arrived
  };

  loop_arm(const synthetic_training& of, const engine_config& config,
           std::unique_ptr<memory_region> region, std::unique_ptr<update_backend> updates,
           bench_files files);
  status open_queue();
  status fill();
  status move_now(std::uint32_t tile, std::span<std::byte> memory, bool reading);

  elements tile_count(std::uint32_t tile) const;
  extent extent_of(std::uint32_t tile) const;
  state_view view_of(std::uint32_t tile, std::span<std::byte> state, elements from,
                     elements count) const;
  slice_pieces pieces_of(const state_view& view) const;

  // The queue's thread.
  void keep_queue(const std::stop_token& over);
  std::uint64_t tag_of(const buffer& with, std::uint64_t size) const;
  void ask(std::uint32_t& free);
  void arrived(const nvme::io_completion& piece);
  // Workers.
  void work();
  status update(const buffer& with);
  void hand_over(buffer& with, bool reading);
  void finish(const status& outcome);

  const synthetic_training& of_;
  const engine_config config_;
  const state_layout arrays_;
  const bytes extent_;  ///< of a whole tile
  std::unique_ptr<memory_region> region_;
  std::unique_ptr<update_backend> updates_;
  bench_files files_;
  nvme::digest_table digests_;
  std::span<std::byte> weights_, gradients_;
  std::vector<buffer> buffers_;
  std::unique_ptr<nvme::io_queue> queue_;
  std::uint64_t steps_ = 0;
  update_recipe recipe_;

  std::mutex mutex_;
  std::condition_variable some_ready_;
  std::deque<buffer*> asked_;      ///< to be moved; guarded by mutex_
  std::deque<buffer*> ready_;      ///< arrived; guarded by mutex_
  std::uint32_t next_tile_ = 0;    // guarded by mutex_
  std::uint32_t written_ = 0;      // guarded by mutex_
  status outcome_;                 // guarded by mutex_
  std::deque<buffer*> under_way_;  ///< the queue's thread only: not yet asked in full
  std::jthread queue_thread_;
};

}  // namespace ballast::tools
