// Which instruction sets there are kernels for, and which of them run: what the machine and its
// system have, what BALLAST_ISA or the configuration asks for.
#pragma once

#include <array>
#include <ballast/config.hpp>
#include <ballast/result.hpp>
#include <string_view>
#include <vector>

namespace ballast::cpu {

/// From the narrowest on.
inline constexpr std::array instruction_sets = {instruction_set::sse2, instruction_set::avx2,
                                                instruction_set::avx512};

std::string_view name_of(instruction_set isa);

/// True when this machine and its system run the kernels of `isa`.
bool supports(instruction_set isa);
std::vector<instruction_set> supported_instruction_sets();

/// `asked`, or for automatic the set that BALLAST_ISA names, else the widest.
///
/// Errors: unsupported when this machine lacks what was asked for by name; invalid_argument when
///         BALLAST_ISA is something else
result<instruction_set> choose(instruction_set asked);

}  // namespace ballast::cpu
