// All cases of each_fault.hpp, with each encoding by value, with early updates and more on NVMe.
#include "tests/faults/each_fault.hpp"

namespace ballast::faults {
namespace {

const auto encodings = ::testing::Values(encoding::int8, encoding::bf16);
const auto moments = ::testing::Values(moment::step, moment::early);
const auto places = ::testing::Values(state_alone, weights_too, everything);

INSTANTIATE_TEST_SUITE_P(tiny_run, each_fault,
                         ::testing::Combine(::testing::ValuesIn(fault_classes()), encodings,
                                            moments, places,
                                            ::testing::Values(io_backend::automatic)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(by_workers, each_fault,
                         ::testing::Combine(::testing::ValuesIn(fault_classes_of_workers()),
                                            encodings, moments, places,
                                            ::testing::Values(io_backend::inlined)),
                         name_of);

TEST_P(each_fault, ends_identical_or_in_a_typed_error_everywhere) { run_cases(inlined() ? 5 : 1); }

}  // namespace
}  // namespace ballast::faults
