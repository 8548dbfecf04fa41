#include "tools/command/bandwidth_text.hpp"

#include <fmt/format.h>

#include "tools/command/size_text.hpp"

namespace ballast::tools {

result<double> parse_bandwidth(std::string_view text) {
  constexpr std::string_view a_second = "/s";
  const std::string_view amount =
      text.ends_with(a_second) ? text.substr(0, text.size() - a_second.size()) : text;
  const auto size = parse_size(amount);
  if (!size) {
    return size.error();
  }
  if (size->value == 0) {
    return failure{errc::invalid_argument,
                   fmt::format("'{}' is no bandwidth: nothing would ever arrive", text)};
  }
  return static_cast<double>(size->value);
}

result<std::vector<double>> parse_bandwidths(std::string_view text, std::size_t least,
                                             std::size_t most) {
  std::vector<double> found;
  for (std::string_view rest = text; found.size() <= most;) {
    const std::size_t comma = rest.find(',');
    const auto each = parse_bandwidth(rest.substr(0, comma));
    if (!each) {
      return each.error();
    }
    found.push_back(*each);
    if (comma == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(comma + 1);
  }
  if (found.size() < least || found.size() > most) {
    return failure{
        errc::invalid_argument,
        fmt::format("'{}' is not {} to {} bandwidths, as in 6GB/s,4GB/s", text, least, most)};
  }
  return found;
}

std::string rounded_bandwidth(double bytes_a_second) {
  const double value = bytes_a_second / 1e9;
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} GB/s", value, decimals);
}

}  // namespace ballast::tools
