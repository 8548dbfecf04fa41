// `ballast bench adam --against-passes`: the whole step on the CPU, norm of the gradient and one
// fused pass, against the same work in separate passes: widen the gradient, clip it, AdamW in fp32,
// round the weights.
//
// Both arms take the same steps first and must agree in every bit of weights, masters and moments.
// Each pass is timed beside the memory traffic of its own bytes.
#pragma once

#include "tools/bench/adam_settings.hpp"
#include "tools/bench/bench_document.hpp"
#include "tools/command/exit_code.hpp"

namespace ballast::tools {

/// Errors: those of making the states; verification_failed when the arms differ
result<exit_code> bench_passes(const adam_plan& plan, const adam_settings& settings,
                               bench_document& document);

}  // namespace ballast::tools
