// The update backend of host memory and of the host device: the kernels of one instruction set,
// chosen when the backend is made.
//
// It has no state of its own; any number of threads may use one backend on disjoint views.
#pragma once

#include <ballast/update.hpp>
#include <cpu/instruction_sets.hpp>
#include <memory>

namespace ballast::cpu {

/// The kernels of the set that choose(isa) gives.
///
/// Errors: those of choose()
result<std::unique_ptr<update_backend>> make_update_backend(instruction_set isa);

}  // namespace ballast::cpu
