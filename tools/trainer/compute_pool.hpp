// The trainer's compute threads: one oneTBB arena of a fixed size, and the only pool there is.
// OpenMP, which Debian's oneDNN would use, is held to one thread inside it.
//
// One caller thread, which works along. A task's slot names its thread's scratch memory.
#pragma once

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>

#include <cstddef>

namespace ballast::tools {

class compute_pool {
 public:
  /// `threads` 0: one a core this process may run on.
  explicit compute_pool(unsigned threads);
  ~compute_pool();

  unsigned threads() const { return threads_; }

  /// Runs `body()` on the calling thread as a member of the pool.
  template <class Body>
  void enter(const Body& body) {
    arena_.execute(body);
  }

  /// Runs body(index, slot) once for every index below `count`, in any order, on any thread.
  ///
  /// Why: which thread takes an index must not matter to its result; slot is below threads()
  template <class Body>
  void for_each(std::size_t count, const Body& body) {
    if (count == 0) return;
    arena_.execute([&] {
      tbb::parallel_for(
          tbb::blocked_range<std::size_t>(0, count, 1),
          [&](const tbb::blocked_range<std::size_t>& range) {
            const auto slot = static_cast<unsigned>(tbb::this_task_arena::current_thread_index());
            for (std::size_t index = range.begin(); index != range.end(); ++index) {
              body(index, slot);
            }
          },
          tbb::simple_partitioner());
    });
  }

  /// The same over runs of at most `grain` of `total`: body(first, count, slot).
  template <class Body>
  void for_ranges(std::size_t total, std::size_t grain, const Body& body) {
    for_each((total + grain - 1) / grain, [&](std::size_t index, unsigned slot) {
      const std::size_t first = index * grain;
      body(first, first + grain < total ? grain : total - first, slot);
    });
  }

 private:
  /// Keeps OpenMP at one thread while a thread is in the arena.
  class single_threaded_openmp final : public tbb::task_scheduler_observer {
   public:
    explicit single_threaded_openmp(tbb::task_arena& arena);
    ~single_threaded_openmp() override;
    void on_scheduler_entry(bool is_worker) override;
    void on_scheduler_exit(bool is_worker) override;
  };

  unsigned threads_;
  tbb::task_arena arena_;
  single_threaded_openmp observer_;
};

}  // namespace ballast::tools
