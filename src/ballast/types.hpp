// The vocabulary of sizes, indices and places. Quantities of different units are different types,
// so that a count in elements cannot be passed where bytes are meant. Plain values, free to copy.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ballast {

/// An unsigned amount of one unit; arithmetic stays inside the unit.
template <class Unit>
struct quantity {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(quantity, quantity) = default;
  friend constexpr quantity operator+(quantity a, quantity b) { return {a.value + b.value}; }
  friend constexpr quantity operator-(quantity a, quantity b) { return {a.value - b.value}; }
  friend constexpr quantity operator*(quantity a, std::uint64_t n) { return {a.value * n}; }
  friend constexpr quantity operator/(quantity a, std::uint64_t n) { return {a.value / n}; }
  friend constexpr std::uint64_t operator/(quantity a, quantity b) { return a.value / b.value; }
  constexpr quantity& operator+=(quantity b) { return value += b.value, *this; }
  constexpr quantity& operator-=(quantity b) { return value -= b.value, *this; }
};

using bytes = quantity<struct bytes_unit>;
using elements = quantity<struct elements_unit>;

namespace literals {
constexpr bytes operator""_B(unsigned long long n) { return {n}; }
constexpr bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr bytes operator""_GiB(unsigned long long n) { return {n << 30}; }
constexpr elements operator""_elements(unsigned long long n) { return {n}; }
}  // namespace literals

/// An index that names one thing of one kind.
template <class Kind>
struct id {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(id, id) = default;
};

using layer_id = id<struct layer_kind>;
using parameter_id = id<struct parameter_kind>;
using group_id = id<struct group_kind>;
using tile_id = id<struct tile_kind>;
using activation_id = id<struct activation_kind>;
using rank = id<struct rank_kind>;

/// A half-open run of elements: [begin, begin + count).
struct element_range {
  elements begin;
  elements count;

  constexpr elements end() const { return begin + count; }
  constexpr bool empty() const { return count.value == 0; }
  friend constexpr bool operator==(const element_range&, const element_range&) = default;
};

/// The common part of two ranges; empty when they do not meet.
constexpr element_range intersect(element_range a, element_range b) {
  const elements begin = a.begin < b.begin ? b.begin : a.begin;
  const elements end = a.end() < b.end() ? a.end() : b.end();
  return begin < end ? element_range{begin, end - begin} : element_range{begin, {0}};
}

/// The part of `inner` that lies in `outer`, counted from outer's beginning; an empty one too lies in it.
///
/// Worked example: [8, 20) in [10, 16) is [0, 6), in [30, 40) it is [0, 0), in [2, 6) [4, 4).
constexpr element_range part_within(element_range inner, element_range outer) {
  const auto inside = [&](elements at) {
    return at < outer.begin ? elements{0} : outer.end() < at ? outer.count : at - outer.begin;
  };
  const elements begin = inside(inner.begin);
  return {begin, inside(inner.end()) - begin};
}

/// The unit in which sums are ordered; layers, shards and tiles start at multiples of it.
inline constexpr elements block_elements{4096};
/// Parameters start at multiples of it inside their layer; the gaps are zero.
inline constexpr elements parameter_alignment{128};

/// Where bytes rest: named by where, never by speed.
enum class place : std::uint8_t { device, pinned, host, nvme };
inline constexpr std::size_t place_count = 4;

constexpr std::string_view to_string(place where) {
  switch (where) {
    case place::device: return "device";
    case place::pinned: return "pinned";
    case place::host: return "host";
    case place::nvme: return "nvme";
  }
  return "?";
}

}  // namespace ballast
