#include "tools/trainer/compute_pool.hpp"

#include <omp.h>
#include <tbb/info.h>

namespace ballast::tools {

namespace {

thread_local int openmp_threads_outside = 0;

unsigned threads_or_default(unsigned threads) {
  return threads != 0 ? threads : static_cast<unsigned>(tbb::info::default_concurrency());
}

}  // namespace

compute_pool::single_threaded_openmp::single_threaded_openmp(tbb::task_arena& arena)
    : tbb::task_scheduler_observer(arena) {
  observe(true);
}

compute_pool::single_threaded_openmp::~single_threaded_openmp() { observe(false); }

void compute_pool::single_threaded_openmp::on_scheduler_entry(bool) {
  openmp_threads_outside = omp_get_max_threads();
  omp_set_num_threads(1);
}

void compute_pool::single_threaded_openmp::on_scheduler_exit(bool) {
  omp_set_num_threads(openmp_threads_outside);
}

compute_pool::compute_pool(unsigned threads)
    : threads_(threads_or_default(threads)),
      arena_(static_cast<int>(threads_), 1),
      observer_(arena_) {}

compute_pool::~compute_pool() = default;

}  // namespace ballast::tools
