// Every other case of each_fault.hpp, and of those with early updates or more on NVMe every ninth; where
// workers move tiles every nineteenth, but more of the torn writes, most of which do nothing there.
#include "tests/faults/each_fault.hpp"

namespace ballast::faults {
namespace {

const auto places = ::testing::Values(state_alone, weights_too, everything);
const auto moments = ::testing::Values(moment::step, moment::early);

INSTANTIATE_TEST_SUITE_P(tiny_run, each_fault,
                         ::testing::Combine(::testing::ValuesIn(fault_classes()),
                                            ::testing::Values(encoding::int8), moments, places,
                                            ::testing::Values(io_backend::automatic)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(by_workers, each_fault,
                         ::testing::Combine(::testing::ValuesIn(fault_classes_of_workers()),
                                            ::testing::Values(encoding::int8), moments, places,
                                            ::testing::Values(io_backend::inlined)),
                         name_of);

TEST_P(each_fault, ends_identical_or_in_a_typed_error) {
  run_cases(inlined() ? torn() ? 7 : 19 : early() || rest() != state_alone ? 9 : 2);
}

}  // namespace
}  // namespace ballast::faults
