// One run of `ballast bench nvme`: files and memory that its races share, and the races themselves.
#pragma once

#include <ballast/clock.hpp>
#include <ballast/memory.hpp>
#include <memory>
#include <optional>

#include "tools/bench/bench_document.hpp"
#include "tools/bench/bench_files.hpp"
#include "tools/bench/bench_store.hpp"
#include "tools/bench/nvme_rows.hpp"
#include "tools/bench/nvme_settings.hpp"

namespace ballast::tools {

class nvme_run {
 public:
  /// All outlive it.
  nvme_run(const nvme_plan& plan, const nvme_settings& settings, bench_document& document)
      : plan_(plan), settings_(settings), document_(document) {}

  /// Allocates memory, writes files, leaves refused backends out.
  ///
  /// Errors: does_not_fit, no_space, io_failure; unsupported without fio or without any backend
  status prepare();

  /// The room's loop in every combination, beside its limits.
  ///
  /// Errors of all races: corrupted when an arm read something else than was written; io_failure
  status race_settings();

  /// The one with which tiles are read and written back soonest: what training does. More requests
  /// under way than that make tiles complete in bunches, and the disk waits for the work on them.
  result<disk_setting> find_best();

  /// Tiles through the store, asked in that way, beside the loop.
  status race_stores(const disk_setting& best);

 private:
  /// An arm in a race, the word of its backend, and how what it wrote is read back.
  struct entrant {
    std::unique_ptr<io_arm> arm;
    std::string_view backend;
    std::function<status()> read_back = {};
  };
  using field = std::vector<entrant>;

  status allocate();
  status keep_usable_backends();
  status write_all(bench_files& files);
  status read_blocks(const io_setting& setting);
  status read_tiles(const bench_store& held);

  status enter_limits(const block_job& job, field& arms);
  status enter_queue(const block_job& job, io_backend backend, field& arms);
  void enter_stores(const block_job& job, const bench_store& held, io_backend backend, field& arms);
  result<std::vector<io_series>> run(const block_job& job, const field& arms);
  void report(const block_job& job, std::span<const entrant> arms,
              std::span<const io_series> taken);
  result<bench_store> open_store(const disk_setting& how, bytes each);

  const nvme_plan& plan_;
  const nvme_settings& settings_;
  bench_document& document_;
  const steady_clock clock_;
  std::unique_ptr<memory_region> region_;   ///< on 2 MiB pages
  std::unique_ptr<memory_region> callers_;  ///< on 4 KiB pages
  std::optional<bench_files> files_;
  std::optional<bench_files> fio_files_;
  std::vector<io_backend> backends_;
};

}  // namespace ballast::tools
