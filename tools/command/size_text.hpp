// Amounts as people write them: sizes with KiB, MiB, GiB (2^10) and KB, MB, GB (10^3), counts with
// Ki, Mi, Gi; bare K, M, G are binary in both, letters' case does not matter, fractions are
// allowed.
#pragma once

#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <string>
#include <string_view>

namespace ballast::tools {

/// "1.5GiB" -> 1610612736 bytes, to the nearest byte.
///
/// Errors: invalid_argument in one line: no number, an unknown unit, negative, or beyond 64 bits
result<bytes> parse_size(std::string_view text);

/// "1.5Mi" -> 1572864 elements, to the nearest one; "1e8" up to e12. Errors as above
result<elements> parse_count(std::string_view text);

/// The shortest text that parse_size() turns back into the same bytes: "1.5GiB", "64MiB",
/// "1000001B".
std::string size_text(bytes amount);
/// The same of a count: "1Mi", "1000001".
std::string count_text(elements amount);

/// For reports, rounded to three digits: "1.50 GiB", "981 KiB", "17 B".
std::string rounded_size(bytes amount);

}  // namespace ballast::tools
