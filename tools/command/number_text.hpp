// Plain numbers as people write them, with limits; anything that is not all number is refused.
#pragma once

#include <ballast/result.hpp>
#include <cstdint>
#include <limits>
#include <string_view>

namespace ballast::tools {

struct whole_limits {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

struct real_limits {
  double least = 0;
  double most = std::numeric_limits<double>::max();
};

/// Errors: invalid_argument in one line
result<std::uint64_t> parse_whole(std::string_view text, whole_limits limits = {});

/// A finite number: NaN and infinities are refused by name. Errors: invalid_argument in one line
result<double> parse_real(std::string_view text, real_limits limits = {});

}  // namespace ballast::tools
