// Sleeping until a word in memory changes: the kernel's futex, for threads of one process and for
// processes that share the word's memory (std::atomic::wait knows neither processes nor a limit).
#pragma once

#include <atomic>
#include <ballast/clock.hpp>
#include <cstdint>

namespace ballast::comm {

/// Returns when woken, when `word` is not `expected`, when `most` has passed, or for no reason.
///
/// Why:     whoever waits looks again, and at more than this word: a short `most` makes that sure
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, nanoseconds most);

void futex_wake_all(const std::atomic<std::uint32_t>& word);

}  // namespace ballast::comm
