// One AdamW step of bf16 weights with fp32 masters, in two ways on two states: norm and one fused
// pass on the exact encoding; norm, widen, clip, fp32 AdamW and round in separate passes.
//
// Both arms read the same bf16 gradient; the separate arm has fp32 weights, moments and gradient,
// and bf16 weights of its own. The clip coefficient is a power of two, so that scaling the gradient
// before the step and inside it give the same bits.
#pragma once

#include <array>
#include <string>

#include "tools/bench/bench_state.hpp"
#include "tools/bench/pass_table.hpp"

namespace ballast::tools {

/// One pass over the elements, and what it reads and writes.
struct step_pass {
  std::string name;
  std::vector<worked_array> arrays;
  work run;
};

class pass_arms {
 public:
  static constexpr double clip_coefficient = 0.5;

  /// Errors: exhausted
  static result<pass_arms> make(elements count);
  static bytes memory_of(elements count);

  /// Equal values in both arms.
  void fill(update_backend& update, thread_team& team);

  /// The passes of each arm, in order; they borrow this, `update` and `team`.
  std::vector<step_pass> fused(update_backend& update, thread_team& team);
  std::vector<step_pass> separate(update_backend& update, thread_team& team);

  /// Says what differs between the arms, or between the norm and the reference's; nothing when
  /// nothing does.
  std::string difference(update_backend& update, thread_team& team);

  /// Changes one bit of the separate arm's weights.
  void flip() { rounded_->span().front() ^= std::byte{1}; }

  elements count() const { return joined_.count(); }
  std::string backing() const { return joined_.backing(); }

 private:
  pass_arms(bench_state joined, bench_state apart, std::unique_ptr<memory_region> rounded);

  step_pass norm(const pass_table& passes, thread_team& team);
  std::byte* rounded_at(elements first) const { return rounded_->span().data() + 2 * first.value; }

  bench_state joined_;                      ///< exact
  bench_state apart_;                       ///< fp32, with an fp32 gradient
  std::unique_ptr<memory_region> rounded_;  ///< bf16 weights of the separate arm
  std::vector<double> sums_;                ///< of the gradient's squares, one a block
};

/// The separate passes of the instruction set that the update runs in: sse2 and avx512 have some.
const pass_table& passes_beside(const update_backend& update);

}  // namespace ballast::tools
