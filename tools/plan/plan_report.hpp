// What `ballast plan` found, as a table for people and as one JSON document (ballast.plan/1).
#pragma once

#include <ballast/forecast.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/plan/machine_description.hpp"

namespace ballast::tools {

struct plan_report {
  forecast step;
  std::vector<machine_figure> machine;
  std::uint64_t tokens = 0;  ///< of a step
  bytes endurance;           ///< of all disks together

  double host_bytes_a_parameter() const;
  /// Until the disks' endurance is used up; nullopt where nothing is written.
  std::optional<double> disk_days() const;

  std::string table() const;
  nlohmann::ordered_json json() const;
};

/// The document of a plan that does not fit; `change` is what would.
nlohmann::ordered_json refused_plan(const failure& change);

}  // namespace ballast::tools
