#include "tools/bench/sector_ledger.hpp"

#include <fmt/format.h>

#include <cstring>

namespace ballast::tools {
namespace {

constexpr std::size_t mark_size = sizeof(std::uint64_t);
constexpr std::uint64_t poisoned = 0;  // of no sector: mark_of() is odd

/// Source:  Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014: splitmix64
std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// Calls visit(index, sector) for the sectors of `memory` that are looked at.
template <class Byte, class Visit>
void for_sectors(std::span<Byte> memory, scrutiny how, const Visit& visit) {
  const std::size_t stride = how == scrutiny::all_bytes ? 1 : 16;
  for (std::size_t i = 0; i < memory.size() / sector_size.value; i += stride) {
    visit(i, memory.data() + i * sector_size.value);
  }
}

}  // namespace

sector_ledger::sector_ledger(bytes size)
    : writings_(size / sector_size), body_(sector_size.value - mark_size) {
  for (std::size_t at = 0; at < body_.size(); at += mark_size) {
    const std::uint64_t word = mix(at);
    std::memcpy(body_.data() + at, &word, mark_size);
  }
}

std::uint64_t sector_ledger::mark_of(std::uint64_t sector) const {
  return mix(sector << 32 | writings_[sector]) | 1;
}

void sector_ledger::dress(std::span<std::byte> memory) const {
  for_sectors(memory, scrutiny::all_bytes, [&](std::size_t, std::byte* sector) {
    std::memcpy(sector + mark_size, body_.data(), body_.size());
  });
}

void sector_ledger::stamp(std::uint64_t address, std::span<std::byte> memory, scrutiny how) {
  const std::uint64_t first = address / sector_size.value;
  for_sectors(memory, how, [&](std::size_t i, std::byte* sector) {
    ++writings_[first + i];
    const std::uint64_t mark = mark_of(first + i);
    std::memcpy(sector, &mark, mark_size);
  });
}

void sector_ledger::poison(std::span<std::byte> memory, scrutiny how) const {
  if (how == scrutiny::all_bytes) {
    std::memset(memory.data(), 0xA5, memory.size());
  }
  for_sectors(memory, how,
              [](std::size_t, std::byte* sector) { std::memcpy(sector, &poisoned, mark_size); });
}

status sector_ledger::check(std::uint64_t address, std::span<const std::byte> memory,
                            scrutiny how) const {
  const std::uint64_t first = address / sector_size.value;
  std::uint64_t wrong = memory.size();
  for_sectors(memory, how, [&](std::size_t i, const std::byte* sector) {
    const std::uint64_t mark = mark_of(first + i);
    const bool same = std::memcmp(sector, &mark, mark_size) == 0 &&
                      (how == scrutiny::some_marks ||
                       std::memcmp(sector + mark_size, body_.data(), body_.size()) == 0);
    if (!same && wrong == memory.size()) {
      wrong = i;
    }
  });
  if (wrong == memory.size()) {
    return {};
  }
  return failure{errc::corrupted,
                 fmt::format("the sector at byte {} is not what was written there last (writing "
                             "number {})",
                             (first + wrong) * sector_size.value, writings_[first + wrong])};
}

}  // namespace ballast::tools
