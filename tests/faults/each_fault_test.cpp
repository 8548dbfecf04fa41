// Every other case of each_fault.hpp, and of those with early updates or more on NVMe every ninth.
#include "tests/faults/each_fault.hpp"

namespace ballast::faults {
namespace {

INSTANTIATE_TEST_SUITE_P(
    tiny_run, each_fault,
    ::testing::Combine(::testing::ValuesIn(fault_classes()), ::testing::Values(encoding::int8),
                       ::testing::Values(moment::step, moment::early),
                       ::testing::Values(state_alone, weights_too, everything)),
    name_of);

TEST_P(each_fault, ends_identical_or_in_a_typed_error) {
  run_cases(early() || rest() != state_alone ? 9 : 2);
}

}  // namespace
}  // namespace ballast::faults
