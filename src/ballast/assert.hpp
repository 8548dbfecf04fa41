// Programmer errors: checked in every build, release included. A failed assertion prints one line
// with the expression and its place, and aborts. Operating errors are values (result.hpp), never
// assertions.
#pragma once

#include <source_location>

namespace ballast {

/// Prints the failed contract and aborts.
[[noreturn]] void contract_failed(const char* expression, std::source_location where);

/// Aborts with `what` when `holds` is false; `what` states the contract, not the failure.
constexpr void require(bool holds, const char* what,
                       std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]] {
    contract_failed(what, where);
  }
}

}  // namespace ballast
