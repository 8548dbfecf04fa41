// What a run's writes mean for its disk: bytes a day, and how many days the disk is made for.
#pragma once

#include <ballast/types.hpp>
#include <optional>

namespace ballast::tools {

/// About what a disk of 1 TB is warranted for.
inline constexpr bytes usual_endurance{std::uint64_t{512} << 40};

struct disk_wear {
  double bytes_a_day = 0;

  static disk_wear of(double written_bytes, double seconds) {
    return {seconds > 0 ? written_bytes / seconds * 86400 : 0};
  }
  double terabytes_a_day() const { return bytes_a_day / 1e12; }
  /// nullopt where nothing is written: for ever.
  std::optional<double> days(bytes endurance) const {
    return bytes_a_day > 0 ? std::optional(static_cast<double>(endurance.value) / bytes_a_day)
                           : std::nullopt;
  }
};

}  // namespace ballast::tools
