// Alignment and rounding, all of it: every other file calls these two functions.
//
// Worked example: 10 000 elements in blocks of 4096 are 3 blocks, 12 288 elements.
#pragma once

#include <ballast/types.hpp>

namespace ballast {

/// How many whole `unit`s cover `amount`.
template <class Unit>
constexpr std::uint64_t count_up(quantity<Unit> amount, quantity<Unit> unit) {
  return (amount.value + unit.value - 1) / unit.value;
}

/// The smallest multiple of `unit` that covers `amount`.
template <class Unit>
constexpr quantity<Unit> round_up(quantity<Unit> amount, quantity<Unit> unit) {
  return unit * count_up(amount, unit);
}

static_assert(count_up(elements{10'000}, block_elements) == 3);
static_assert(round_up(elements{10'000}, block_elements) == elements{12'288});
static_assert(round_up(elements{0}, block_elements) == elements{0});
static_assert(round_up(elements{4096}, block_elements) == elements{4096});

}  // namespace ballast
