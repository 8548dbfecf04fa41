#include "tools/command/number_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace ballast::tools {
namespace {

failure refused(std::string_view text, std::string_view why) {
  return {errc::invalid_argument, fmt::format("'{}' {}", text, why)};
}

}  // namespace

result<std::uint64_t> parse_whole(std::string_view text, whole_limits limits) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (end != last || (error != std::errc{} && error != std::errc::result_out_of_range)) {
    return refused(text, "is not a whole number");
  }
  if (error == std::errc::result_out_of_range || value > limits.most) {
    return refused(text, fmt::format("is more than {}", limits.most));
  }
  if (value < limits.least) {
    return refused(text, fmt::format("is less than {}", limits.least));
  }
  return value;
}

result<double> parse_real(std::string_view text, real_limits limits) {
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (end != last || (error != std::errc{} && error != std::errc::result_out_of_range)) {
    return refused(text, "is not a number");
  }
  if (error == std::errc::result_out_of_range || !std::isfinite(value)) {
    return refused(text, "is not a finite number");
  }
  if (value < limits.least) {
    return refused(text, fmt::format("is less than {}", limits.least));
  }
  if (value > limits.most) {
    return refused(text, fmt::format("is more than {}", limits.most));
  }
  return value;
}

}  // namespace ballast::tools
