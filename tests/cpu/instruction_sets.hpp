// The instruction sets that tests run over: all that this machine has.
#pragma once

#include <cpu/update_backend.hpp>
#include <vector>

namespace ballast::testing {

inline std::vector<instruction_set> supported_instruction_sets() {
  std::vector<instruction_set> sets;
  for (const instruction_set isa : {instruction_set::baseline, instruction_set::avx512}) {
    if (cpu::supports(isa)) sets.push_back(isa);
  }
  return sets;
}

inline std::string name_of(instruction_set isa) {
  return isa == instruction_set::avx512 ? "avx512" : "baseline";
}

}  // namespace ballast::testing
