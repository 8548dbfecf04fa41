// The update backend of host memory and of the host device: the kernels of one instruction set,
// chosen when the backend is made.
//
// It has no state of its own; any number of threads may use one backend on disjoint views.
#pragma once

#include <ballast/config.hpp>
#include <ballast/result.hpp>
#include <ballast/update.hpp>
#include <memory>

namespace ballast::cpu {

/// True when this machine and its system run the kernels of `isa`.
bool supports(instruction_set isa);

/// The kernels of `isa`; automatic: those that BALLAST_ISA=baseline|avx512 names, else the widest.
///
/// Errors: unsupported when this machine lacks what was asked for by name; invalid_argument when
///         BALLAST_ISA is something else
result<std::unique_ptr<update_backend>> make_update_backend(instruction_set isa);

}  // namespace ballast::cpu
