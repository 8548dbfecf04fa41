// Bandwidths as people write them: a size a second, "25GB/s" or "24GiB/s"; "/s" may be left out.
#pragma once

#include <ballast/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::tools {

/// "25GB/s" -> 2.5e10 bytes a second.
///
/// Errors: invalid_argument in one line: no size, or none at all
result<double> parse_bandwidth(std::string_view text);

/// "6GB/s,4GB/s" -> two of them. Errors: as above, or another number of them
result<std::vector<double>> parse_bandwidths(std::string_view text, std::size_t least,
                                             std::size_t most);

/// For reports, rounded to three digits: "25.0 GB/s".
std::string rounded_bandwidth(double bytes_a_second);

}  // namespace ballast::tools
