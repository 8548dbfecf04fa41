// All cases of each_fault.hpp, with each encoding by value, with early updates and more on NVMe.
#include "tests/faults/each_fault.hpp"

namespace ballast::faults {
namespace {

INSTANTIATE_TEST_SUITE_P(tiny_run, each_fault,
                         ::testing::Combine(::testing::ValuesIn(fault_classes()),
                                            ::testing::Values(encoding::int8, encoding::bf16),
                                            ::testing::Values(moment::step, moment::early),
                                            ::testing::Values(state_alone, weights_too, everything),
                                            ::testing::Values(io_backend::automatic,
                                                              io_backend::inlined)),
                         name_of);

TEST_P(each_fault, ends_identical_or_in_a_typed_error_everywhere) {
  if (!inlined() || of().make(0).what != fault_kind::hang) run_cases(inlined() ? 5 : 1);
}

}  // namespace
}  // namespace ballast::faults
