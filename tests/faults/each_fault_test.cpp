// Every other case of each_fault.hpp, and of those with early updates or more on NVMe every ninth.
#include "tests/faults/each_fault.hpp"

namespace ballast::faults {
namespace {

INSTANTIATE_TEST_SUITE_P(
    tiny_run, each_fault,
    ::testing::Combine(::testing::ValuesIn(fault_classes()), ::testing::Values(encoding::int8),
                       ::testing::Values(moment::step, moment::early),
                       ::testing::Values(state_alone, weights_too, everything),
                       ::testing::Values(io_backend::automatic, io_backend::inlined)),
    name_of);

TEST_P(each_fault, ends_identical_or_in_a_typed_error) {
  if (inlined()) {
    // A worker that hangs cannot say so: nvme/README.md.
    if (of().make(0).what != fault_kind::hang) run_cases(19);
    return;
  }
  run_cases(early() || rest() != state_alone ? 9 : 2);
}

}  // namespace
}  // namespace ballast::faults
