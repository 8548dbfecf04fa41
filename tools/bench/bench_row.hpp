// One measured thing: its samples, and the limit that was sampled in turn with it.
#pragma once

#include <ballast/types.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tools/bench/sampling.hpp"

namespace ballast::tools {

struct bench_row {
  std::string name;
  nlohmann::ordered_json params;
  std::string unit = "GB/s";
  series values = {};  ///< in that unit, one a round
  bytes moved = {};    ///< read and written by one pass

  struct limit_value {
    std::string name;
    double value;  ///< in the row's unit
  };
  std::optional<limit_value> limit = {};
  std::optional<double> efficiency = {};  ///< median over the rounds of value over limit
  bool verified = false;
  nlohmann::ordered_json more = {};  ///< further numbers of this row

  nlohmann::ordered_json json() const;
};

/// GB/s of works that move `moved` bytes in each of `seconds`.
series rates(bytes moved, const series& seconds);

}  // namespace ballast::tools
