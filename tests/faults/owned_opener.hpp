// An opener together with what its queue needs to live: a case of a conformance suite makes one a test.
#pragma once

#include <memory>

#include "tests/faults/fault_queue.hpp"

namespace ballast::faults {

struct owned_opener {
  nvme::queue_opener open;
  std::vector<std::shared_ptr<void>> parts = {};  ///< outlive the queue
};

inline owned_opener owned_simulation(const sim_options& options) {
  const auto disk = std::make_shared<sim_disk>(options);
  return {simulated(*disk), {disk}};
}

/// The wrapper, with nothing planned.
inline owned_opener without_faults(owned_opener inner) {
  const auto script = std::make_shared<fault_script>();
  inner.open = faulty(*script, std::move(inner.open));
  inner.parts.push_back(script);
  return inner;
}

}  // namespace ballast::faults
