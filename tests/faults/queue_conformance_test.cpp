// Both real queues, the simulated disk and the wrapper without a fault are one and the same to whoever
// uses them.
#include <nvme/queue_choice.hpp>

#include "tests/conformance/queue_conformance.hpp"

namespace ballast::testing {
namespace {

using faults::owned_opener;
using faults::owned_simulation;
using faults::without_faults;

owned_opener real(io_backend which) { return {nvme::choose_queue(which)}; }

const queue_case cases[] = {
    {"uring", [] { return real(io_backend::uring); }},
    {"posix", [] { return real(io_backend::posix); }},
    {"sim", [] { return owned_simulation({}); }},
    {"slow_sim", [] { return owned_simulation({.latency = std::chrono::microseconds(300)}); }},
    {"no_fault_on_sim", [] { return without_faults(owned_simulation({})); }},
    {"no_fault_on_uring", [] { return without_faults(real(io_backend::uring)); }},
    {"no_fault_on_posix", [] { return without_faults(real(io_backend::posix)); }},
};

INSTANTIATE_TEST_SUITE_P(nvme, queue_conformance, ::testing::ValuesIn(cases),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ballast::testing
