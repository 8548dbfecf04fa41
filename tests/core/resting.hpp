// What rests on NVMe beside the optimizer state of its tiles: what tests of placements go through.
#pragma once

#include <ballast/config.hpp>
#include <ostream>
#include <string>

namespace ballast {

struct resting {
  place weights = place::host;
  place gradients = place::host;
  place activations = place::host;

  std::string name() const {
    if (activations == place::nvme) {
      return "everything";
    }
    const std::string beside = weights == place::nvme ? "weights" : "state";
    return beside + (gradients == place::nvme ? "_and_gradients" : "");
  }
  friend bool operator==(const resting&, const resting&) = default;
};

inline constexpr resting state_alone{};
inline constexpr resting weights_too{place::nvme, place::host};
inline constexpr resting gradients_too{place::host, place::nvme};
inline constexpr resting everything{place::nvme, place::nvme, place::nvme};

inline void PrintTo(const resting& shown, std::ostream* to) { *to << shown.name(); }

}  // namespace ballast
