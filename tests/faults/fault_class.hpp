// The ways a request of a run can go wrong, one after the other, and what has to come of each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/faults/fault.hpp"

namespace ballast::faults {

enum class remedy : std::uint8_t {
  goes_on,     ///< nothing to see in the result
  io_failure,  ///< an error of that code, naming file and offset
  no_space,    ///< an error of that code, naming file and offset
  found,       ///< corrupted, naming file, offset and slice; or harmless
};

struct fault_class {
  std::string name;
  nvme::io_op of;
  std::function<fault(std::size_t n)> make;  ///< for the n-th request of that operation
  remedy then;
};

/// Every class, for reads and for writes. Failed syncs are tested at the loop and in saved runs.
std::vector<fault_class> fault_classes();

}  // namespace ballast::faults
