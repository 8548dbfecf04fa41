// A completion that counts how often it was called and how often with an error.
#pragma once

#include <atomic>
#include <ballast/transfer.hpp>

namespace ballast::testing {

/// What a completion heard.
struct heard {
  std::atomic<int> calls = 0;
  std::atomic<int> failures = 0;

  completion done() {
    return {[](void* context, const status& outcome) {
              auto& self = *static_cast<heard*>(context);
              self.failures += outcome ? 0 : 1;
              ++self.calls;
            },
            this};
  }
};

}  // namespace ballast::testing
