// The rows of `ballast bench nvme`: an arm's series beside those it is measured against.
#pragma once

#include <string>

#include "tools/bench/bench_row.hpp"
#include "tools/bench/best_setting.hpp"
#include "tools/bench/io_race.hpp"

namespace ballast::tools {

/// What all rows of one race share.
struct raced_job {
  block_job job;
  std::size_t paths = 1;
};

/// Another arm of the same race.
struct rival {
  std::string_view name;
  const io_series* taken;
};

/// `limit` and `fio` (for CPU time) may have no series.
bench_row row_of(const raced_job& raced, const io_arm& arm, std::string_view backend,
                 const io_series& taken, const rival& limit, const rival& fio);

/// Titles of line_of()'s columns.
std::string title_line();
/// For people: name, job, rate, limit, efficiency, CPU time.
std::string line_of(const bench_row& row);

}  // namespace ballast::tools
