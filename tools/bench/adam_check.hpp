// Are the steps that are about to be timed those of the scalar reference, to the bit?
#pragma once

#include <string>

#include "tools/bench/bench_state.hpp"

namespace ballast::tools {

/// The recipe of a step as the benches take it: AdamW with its defaults, Adam and SGD with a weight
/// decay, all at a rate that keeps weights finite; `scale` is the clip coefficient.
update_recipe bench_recipe(const state_kind& kind, std::uint64_t step, double scale);

/// Takes some steps with slices and threads as they will be timed, and the same by the reference in
/// one piece; then compares all memory, gaps and poisoned outputs included, and the findings.
///
/// `flip` changes one bit before the comparison. Says what differs; nothing when nothing does.
///
/// Errors: exhausted
result<std::string> difference_from_reference(update_backend& update, const state_kind& kind,
                                              thread_team& team, bool flip);

}  // namespace ballast::tools
