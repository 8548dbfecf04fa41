// Of the ways in which a disk was asked the best one, and how `ballast train` is told of it.
#pragma once

#include <ballast/config.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/bench/block_job.hpp"

namespace ballast::tools {

struct disk_setting {
  io_setting asked;
  io_backend backend = io_backend::automatic;
  friend bool operator==(const disk_setting&, const disk_setting&) = default;
};

/// Among those within 2 % of the best rate, which the disk does not tell apart, the one with the
/// fewest bytes under way: they are memory.
///
/// Shapes:  one rate each, at least one
disk_setting best_of(std::span<const disk_setting> ways, std::span<const double> rates);

/// A JSON object that `ballast train --config` reads: io, io-request, io-depth.
nlohmann::ordered_json config_of(const disk_setting& how);

}  // namespace ballast::tools
