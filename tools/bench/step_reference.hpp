// Are the steps that are timed those of the scalar reference? Some blocks of a synthetic training,
// stepped by the reference, beside what an arm holds.
#pragma once

#include <vector>

#include "tools/bench/bench_state.hpp"
#include "tools/bench/step_arm.hpp"
#include "tools/bench/synthetic_training.hpp"

namespace ballast::tools {

class step_reference {
 public:
  /// The first and the last block and some between them. `of` outlives it.
  ///
  /// Errors: exhausted
  static result<step_reference> make(const synthetic_training& of);

  /// Takes the next step.
  void step();
  /// Errors: corrupted, with the first element whose master has other bits; those of reading
  status compare(step_arm& with) const;

  /// Changes one bit of a master, which the next compare() must notice.
  void flip();

 private:
  step_reference(const synthetic_training& of, bench_state state);
  state_view block(std::size_t index) const;

  const synthetic_training& of_;
  std::vector<elements> first_;  ///< of each block
  bench_state state_;            ///< block after block
  std::uint64_t steps_ = 0;
};

}  // namespace ballast::tools
