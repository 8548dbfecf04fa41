// Every instruction set that this machine has, as a test's parameter.
#pragma once

#include <gtest/gtest.h>

#include <cpu/instruction_sets.hpp>
#include <string>

namespace ballast::testing {

inline auto each_instruction_set() {
  return ::testing::ValuesIn(cpu::supported_instruction_sets());
}

inline std::string name_of(instruction_set isa) { return std::string(cpu::name_of(isa)); }

}  // namespace ballast::testing
