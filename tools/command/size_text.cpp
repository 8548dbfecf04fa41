#include "tools/command/size_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

namespace ballast::tools {
namespace {

struct unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::uint64_t kibi = 1u << 10, mebi = kibi << 10, gibi = kibi << 20, tebi = kibi << 30;
constexpr std::uint64_t kilo = 1000, mega = kilo * kilo, giga = kilo * mega, tera = kilo * giga;

constexpr std::array<unit, 14> size_units{{{"", 1},
                                           {"B", 1},
                                           {"KiB", kibi},
                                           {"MiB", mebi},
                                           {"GiB", gibi},
                                           {"TiB", tebi},
                                           {"KB", kilo},
                                           {"MB", mega},
                                           {"GB", giga},
                                           {"TB", tera},
                                           {"K", kibi},
                                           {"M", mebi},
                                           {"G", gibi},
                                           {"T", tebi}}};
constexpr std::array<unit, 7> count_units{
    {{"", 1}, {"Ki", kibi}, {"Mi", mebi}, {"Gi", gibi}, {"K", kibi}, {"M", mebi}, {"G", gibi}}};

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// A kind of amount, for parsing and for the words of its errors.
struct amount_kind {
  std::string_view noun;
  std::string_view example;
  std::string_view known;
  std::span<const unit> units;
  bool exponents;  ///< 1e8 is one
};

constexpr amount_kind size_kind{"size", "1.5GiB", "B, KiB, MiB, GiB, TiB, KB, MB, GB, TB",
                                size_units, false};
constexpr amount_kind count_kind{"count", "1.5Mi", "Ki, Mi, Gi, or 1e8", count_units, true};

failure refused(std::string_view text, const amount_kind& kind, std::string_view why) {
  return {errc::invalid_argument, fmt::format("'{}' is not a {}: {}", text, kind.noun, why)};
}

/// 10^n of an "en" with n up to 12, as in 1e8; counts are often written so.
std::optional<std::uint64_t> power_of_ten(std::string_view text) {
  unsigned exponent = 0;
  const bool marked = text.starts_with('e') || text.starts_with('E');
  const char* const end = text.data() + text.size();
  if (!marked || std::from_chars(text.data() + 1, end, exponent).ptr != end || text.size() == 1 ||
      exponent > 12) {
    return std::nullopt;
  }
  std::uint64_t power = 1;
  for (; exponent > 0; --exponent) {
    power *= 10;
  }
  return power;
}

std::string_view digits_at(std::string_view text) {
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  return {text.begin(), std::find_if_not(text.begin(), text.end(), is_digit)};
}

/// (whole + 0.fraction) * scale to the nearest one, or nullopt past 64 bits. The fraction is less
/// than one and the scale at most 2^40, so their product is exact enough in double.
std::optional<std::uint64_t> scaled(std::string_view whole, std::string_view fraction,
                                    std::uint64_t scale) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (!whole.empty() && error != std::errc{}) {
    return std::nullopt;
  }
  double part = 0;
  for (auto digit = fraction.rbegin(); digit != fraction.rend(); ++digit) {
    part = (part + (*digit - '0')) / 10;
  }
  const auto rest = static_cast<std::uint64_t>(std::llround(part * static_cast<double>(scale)));
  if (__builtin_mul_overflow(value, scale, &value) || __builtin_add_overflow(value, rest, &value)) {
    return std::nullopt;
  }
  return value;
}

result<std::uint64_t> parse_amount(std::string_view text, const amount_kind& kind) {
  if (text.starts_with('-')) {
    return refused(text, kind, "it is negative");
  }
  const std::string_view whole = digits_at(text);
  std::string_view rest = text.substr(whole.size());
  std::string_view fraction;
  if (rest.starts_with('.')) {
    fraction = digits_at(rest.substr(1));
    rest.remove_prefix(1 + fraction.size());
  }
  if (whole.empty() && fraction.empty()) {
    return refused(text, kind, fmt::format("write a number and a unit, like {}", kind.example));
  }
  if (rest.starts_with(' ')) {
    rest.remove_prefix(1);
  }
  std::optional<std::uint64_t> scale = kind.exponents ? power_of_ten(rest) : std::nullopt;
  const auto named = std::find_if(kind.units.begin(), kind.units.end(), [&](const unit& known) {
    return same_letters(known.name, rest);
  });
  if (!scale && named != kind.units.end()) {
    scale = named->size;
  }
  if (!scale) {
    return refused(text, kind, fmt::format("unknown unit '{}', use {}", rest, kind.known));
  }
  const auto amount = scaled(whole, fraction, *scale);
  if (!amount) {
    return refused(text, kind, "it is beyond 64 bits");
  }
  return *amount;
}

/// The largest unit in which `amount` has at most three decimals, or all of it in units of one.
std::string exact_text(std::uint64_t amount, std::span<const unit> descending,
                       std::string_view one) {
  for (const unit& candidate : descending) {
    const std::uint64_t whole = amount / candidate.size;
    const std::uint64_t thousandths = amount % candidate.size * 1000;  // below 2^50
    if (whole > 0 && thousandths % candidate.size == 0) {
      std::string text = fmt::format("{}.{:03}", whole, thousandths / candidate.size);
      text.erase(text.find_last_not_of('0') + 1);
      if (text.ends_with('.')) {
        text.pop_back();
      }
      return fmt::format("{}{}", text, candidate.name);
    }
  }
  return fmt::format("{}{}", amount, one);
}

}  // namespace

result<bytes> parse_size(std::string_view text) {
  const auto amount = parse_amount(text, size_kind);
  return amount ? result<bytes>(bytes{*amount}) : amount.error();
}

result<elements> parse_count(std::string_view text) {
  const auto amount = parse_amount(text, count_kind);
  return amount ? result<elements>(elements{*amount}) : amount.error();
}

std::string size_text(bytes amount) {
  constexpr std::array<unit, 4> units{{{"TiB", tebi}, {"GiB", gibi}, {"MiB", mebi}, {"KiB", kibi}}};
  return exact_text(amount.value, units, "B");
}

std::string count_text(elements amount) {
  constexpr std::array<unit, 3> units{{{"Gi", gibi}, {"Mi", mebi}, {"Ki", kibi}}};
  return exact_text(amount.value, units, "");
}

std::string rounded_size(bytes amount) {
  constexpr std::array<std::string_view, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(amount.value);
  std::size_t name = 0;
  while (value >= 999.5 && name + 1 < names.size()) {
    value /= 1024;
    ++name;
  }
  const int decimals = name == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, names[name]);
}

}  // namespace ballast::tools
