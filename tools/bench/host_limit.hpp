// The two passes of a step whose state is in host memory, each alone on arrays of its own: the update
// as `ballast bench adam` times it, and the gradient's rounding with its norm.
#pragma once

#include <memory>

#include "tools/bench/bench_state.hpp"
#include "tools/bench/synthetic_training.hpp"
#include "tools/bench/thread_team.hpp"

namespace ballast::tools {

class host_limit {
 public:
  /// `of` outlives it.
  ///
  /// Errors: exhausted, unsupported
  static result<std::unique_ptr<host_limit>> make(const synthetic_training& of,
                                                  std::uint32_t threads, instruction_set isa);
  static bytes memory_of(const synthetic_training& of);

  // One pass over all elements; both take the next step's recipe and gradient.
  void update();
  void norm();

 private:
  host_limit(const synthetic_training& of, std::uint32_t threads,
             std::unique_ptr<update_backend> updates, bench_state state,
             std::unique_ptr<memory_region> source);

  const synthetic_training& of_;
  thread_team team_;
  std::unique_ptr<update_backend> updates_;
  bench_state state_;
  std::unique_ptr<memory_region>
      source_;  ///< fp32 gradient of a layer, as the engine's slots hold it
  std::vector<double> sums_;
  std::uint64_t steps_ = 0;
};

}  // namespace ballast::tools
