// What `ballast plan` can be told: everything that `ballast train` can, and the machine that is
// planned for, where it is another one.
#pragma once

#include <ballast/forecast.hpp>
#include <optional>
#include <string>

#include "tools/command/option_set.hpp"
#include "tools/disk_wear.hpp"
#include "tools/train/train_settings.hpp"

namespace ballast::tools {

/// Numbers of another machine; what is absent is measured on this one.
struct given_machine {
  std::optional<double> flops;             ///< a second, of the device
  std::optional<double> link;              ///< bytes a second, each way
  std::optional<disk_rates> disk;          ///< of all folders together
  std::optional<double> memory_bandwidth;  ///< bytes a second, of the host
  std::optional<double> ranks;             ///< bytes a second, from other ranks to one
  std::optional<double> device_bandwidth;  ///< bytes a second, of the device's own memory
};

struct plan_settings {
  train_settings run;
  given_machine machine;
  bytes endurance = usual_endurance;
  std::string json;
};

option_set plan_options(plan_settings& settings);

}  // namespace ballast::tools
