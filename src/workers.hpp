// The engine's threads: one oneTBB arena; the caller joins it for as long as it waits for its work.
#pragma once

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <cstddef>
#include <cstdint>
#include <thread>

namespace ballast {

class workers {
 public:
  /// 0 threads: one a core.
  explicit workers(std::uint32_t threads)
      : arena_(static_cast<int>(threads > 0 ? threads : std::thread::hardware_concurrency())) {}

  /// Calls body(i) for i in [0, count), in any order, and returns when all are done.
  template <class Body>
  void for_each(std::size_t count, const Body& body) {
    arena_.execute(
        [&] { tbb::parallel_for(std::size_t{0}, count, body, tbb::simple_partitioner()); });
  }

  tbb::task_arena& arena() { return arena_; }
  std::uint32_t threads() const { return static_cast<std::uint32_t>(arena_.max_concurrency()); }

 private:
  tbb::task_arena arena_;
};

}  // namespace ballast
