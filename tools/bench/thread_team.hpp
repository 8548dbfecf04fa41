// A fixed number of threads and the share of the elements that each of them owns: contiguous, in
// whole slices, the same in every pass.
#pragma once

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <ballast/types.hpp>

namespace ballast::tools {

/// What a thread takes at a time: whole blocks, small enough that a slice of every array stays in
/// a core's own cache between two looks at it.
inline constexpr elements bench_slice = block_elements * 4;

class thread_team {
 public:
  explicit thread_team(std::uint32_t threads)
      : threads_(threads),
        permitted_(tbb::global_control::max_allowed_parallelism, threads),
        arena_(static_cast<int>(threads)) {}

  std::uint32_t threads() const { return threads_; }

  /// Calls body(thread) once for every thread, each by its own, and returns when all are done.
  template <class Body>
  void run(const Body& body) {
    arena_.execute(
        [&] { tbb::parallel_for(std::uint32_t{0}, threads_, body, tbb::static_partitioner()); });
  }

  /// The elements that `thread` owns of `count`.
  element_range share(std::uint32_t thread, elements count) const {
    const std::uint64_t slices = count_up(count, bench_slice);
    const elements begin = std::min(bench_slice * (slices * thread / threads_), count);
    const elements end = std::min(bench_slice * (slices * (thread + 1) / threads_), count);
    return {begin, end - begin};
  }

  /// Calls body(slice, thread) for every slice of `count` elements, by its owner, `passes` times.
  template <class Body>
  void for_each_slice(elements count, std::uint32_t passes, const Body& body) {
    run([&](std::uint32_t thread) {
      const element_range mine = share(thread, count);
      for (std::uint32_t pass = 0; pass < passes; ++pass) {
        for (elements at = mine.begin; at < mine.end(); at += bench_slice) {
          body(intersect({at, bench_slice}, mine), thread);
        }
      }
    });
  }

 private:
  std::uint32_t threads_;
  tbb::global_control permitted_;  ///< a team may be larger than the machine
  tbb::task_arena arena_;
};

}  // namespace ballast::tools
